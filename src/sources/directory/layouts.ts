/**
 * Which files of one folder belong together, for every way in which tools lay pairs down: `<name>.crt/.key`, mkcert's
 * `<name>-key.pem`, certbot's lineages, Kubernetes' `tls.crt`, haproxy's combined file. Names only; nothing is read.
 */
import { type FileRole, hasPemEnding, isServerLike, nameOfStem, roleOf } from './file-roles.js';

/** The files of a pair, by their names in the folder. */
export interface PairNames {
  /** What stays the same while the pair's files come and go. */
  readonly id: string;
  /** What the pair is called after: part of the file names, or the folder's name. */
  readonly stem: string;
  readonly cert: string;
  /** Undefined: in the same file as the certificate, or missing. */
  readonly key: string | undefined;
  readonly chain: string | undefined;
  /** Whether it may as well be no pair at all, so that nobody is told when it is none. */
  readonly isOptional: boolean;
}

/** One folder, as it was listed. */
export interface FolderContent {
  readonly fileNames: readonly string[];
  /** Called after this when the files have names that say nothing, such as `tls.crt`. */
  readonly folderName: string | undefined;
  /** A folder elsewhere that a link leads to: only certbot's and Kubernetes' files are taken from it. */
  readonly isLinked: boolean;
}

/** Whether a file has a part in any layout. */
export function isPart(fileName: string): boolean {
  return roleOf(fileName) !== undefined || GENERIC.includes(fileName);
}

/** The pairs of a folder; also those of which a half is missing, when they are called after a server. */
export function pairsIn({ fileNames, folderName, isLinked }: FolderContent): PairNames[] {
  const generic = genericPair(fileNames, folderName);
  if (isLinked) return generic === undefined ? [] : [generic];
  const used = new Set(generic === undefined ? [] : [...GENERIC, generic.cert]);
  const files = new Files(fileNames.filter((name) => !used.has(name)));
  const all = [...files.pairs(), ...files.loneKeys()];
  return generic === undefined ? all : [generic, ...withoutKey(all, generic)];
}

/** A full chain has taken the key over: the same leaf without its chain is not needed. */
function withoutKey(pairs: readonly PairNames[], { key }: PairNames): PairNames[] {
  return pairs.filter((pair) => pair.key === undefined || pair.key !== key);
}

const GENERIC = ['fullchain.pem', 'cert.pem', 'chain.pem', 'privkey.pem', 'key.pem', 'tls.crt', 'tls.key'];
/** Not the certificate's file: while certbot replaces one link after the other, another one may stand in. */
const GENERIC_ID = '';
const FULL_CHAINS = ['fullchain.pem', 'fullchain.cer', 'fullchain.crt'];

/** The pair whose files are not called after it. */
function genericPair(fileNames: readonly string[], folderName: string | undefined): PairNames | undefined {
  const first: First = (...names) => names.find((name) => fileNames.includes(name));
  const pair = (cert: string, key: string, chain?: string): PairNames => ({
    id: GENERIC_ID,
    stem: folderName ?? cert.replace(/\.\w+$/, ''),
    cert,
    key,
    chain,
    isOptional: false,
  });
  if (first('tls.crt', 'tls.key') !== undefined) return pair('tls.crt', 'tls.key');
  const fullChain = first(...FULL_CHAINS);
  const key = first('privkey.pem', 'key.pem');
  const cert = fullChain ?? first('cert.pem');
  if (key !== undefined && cert !== undefined) return pair(cert, key, chainBeside(fullChain, first));
  // One half of a lineage: what is missing may be coming, and if not, people want to know.
  const isLineage = first('fullchain.pem', 'privkey.pem') !== undefined;
  if (isLineage && isServerLike(nameOfStem(folderName ?? ''))) return pair('fullchain.pem', 'privkey.pem');
  // acme.sh: <name>.key, <name>.cer with the leaf alone, and fullchain.cer.
  if (fullChain === undefined) return undefined;
  const [only, ...others] = fileNames.filter((name) => roleOf(name)?.kind === 'key');
  return only !== undefined && others.length === 0 ? pair(fullChain, only) : undefined;
}

type First = (...names: string[]) => string | undefined;

function chainBeside(fullChain: string | undefined, first: First): string | undefined {
  return fullChain === undefined ? first('chain.pem') : undefined;
}

/** The files that share a stem. */
interface Stem {
  certificate: string | undefined;
  /** Further certificates: an array for each of 10,000 stems would be most of what a listing takes. */
  moreCertificates: string[] | undefined;
  plainKey: string | undefined;
  dashedKey: string | undefined;
  chain: string | undefined;
  isRequested: boolean;
}

/** The files of a folder by stem. */
class Files {
  readonly #stems = new Map<string, Stem>();

  constructor(fileNames: Iterable<string>) {
    for (const fileName of fileNames) {
      const role = roleOf(fileName);
      if (role !== undefined) this.#add(fileName, role);
    }
  }

  *pairs(): Iterable<PairNames> {
    for (const [stem, files] of this.#stems) {
      if (files.certificate === undefined) continue;
      yield pairOf(files.certificate, stem, files);
      for (const fileName of files.moreCertificates ?? []) yield pairOf(fileName, stem, files);
    }
  }

  /** Keys called after a server whose certificate is neither there nor being asked for. */
  *loneKeys(): Iterable<PairNames> {
    for (const [stem, { certificate, plainKey, dashedKey, isRequested }] of this.#stems) {
      const key = plainKey ?? dashedKey;
      if (key === undefined || certificate !== undefined || isRequested) continue;
      if (!isServerLike(nameOfStem(stem))) continue;
      const cert = plainKey === undefined ? `${stem}.pem` : `${stem}.crt`;
      yield { id: cert, stem, cert, key, chain: undefined, isOptional: false };
    }
  }

  #add(fileName: string, { kind, stem, isPem }: FileRole): void {
    const files = this.#filesOf(stem);
    if (kind === 'request') files.isRequested = true;
    else if (kind === 'chain') files.chain = fileName;
    else if (kind === 'certificate') addCertificate(fileName, files);
    else if (isPem) files.dashedKey ??= fileName;
    else files.plainKey ??= fileName;
  }

  #filesOf(stem: string): Stem {
    const known = this.#stems.get(stem);
    if (known !== undefined) return known;
    const files: Stem = {
      certificate: undefined,
      moreCertificates: undefined,
      plainKey: undefined,
      dashedKey: undefined,
      chain: undefined,
      isRequested: false,
    };
    this.#stems.set(stem, files);
    return files;
  }
}

function addCertificate(fileName: string, files: Stem): void {
  if (files.certificate === undefined) files.certificate = fileName;
  else (files.moreCertificates ??= []).push(fileName);
}

function pairOf(fileName: string, stem: string, files: Stem): PairNames {
  const { plainKey, dashedKey, chain } = files;
  const isPem = hasPemEnding(fileName);
  // <name>.pem beside <name>.crt and <name>.key is a pair only if it holds a key itself.
  const isSpare = isPem && dashedKey === undefined && files.moreCertificates !== undefined;
  const key = isSpare ? undefined : isPem ? (dashedKey ?? plainKey) : (plainKey ?? dashedKey);
  return {
    id: fileName,
    stem,
    cert: fileName,
    key,
    chain,
    isOptional: isSpare || (key === undefined && !isServerLike(nameOfStem(stem))),
  };
}
