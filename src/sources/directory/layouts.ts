/**
 * Which files of one folder belong together, for every way in which tools lay pairs down: `<name>.crt/.key`, mkcert's
 * `<name>-key.pem`, certbot's lineages, Kubernetes' `tls.crt`, haproxy's combined file. Names only; nothing is read.
 */
import { type FileRole, isServerLike, nameOfStem, roleOf } from './file-roles.js';

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
  const pairs = [...files.certificates()].map((certificate) => files.pairOf(certificate));
  const all = [...pairs, ...files.loneKeys()];
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
  const [only, ...others] = fileNames.filter((name) => roleOf(name)?.kind === 'key');
  const isOfOnlyKey = fullChain !== undefined && only !== undefined && others.length === 0;
  return isOfOnlyKey ? pair(fullChain, only) : undefined;
}

type First = (...names: string[]) => string | undefined;

function chainBeside(fullChain: string | undefined, first: First): string | undefined {
  return fullChain === undefined ? first('chain.pem') : undefined;
}

interface CertificateFile extends FileRole {
  readonly fileName: string;
}

interface KeyFiles {
  plain?: string;
  dashed?: string;
}

/** The files of a folder by stem. */
class Files {
  readonly #certificates: CertificateFile[] = [];
  readonly #keys = new Map<string, KeyFiles>();
  readonly #chains = new Map<string, string>();
  readonly #requests = new Set<string>();
  readonly #stems = new Map<string, number>();

  constructor(fileNames: readonly string[]) {
    for (const fileName of fileNames) {
      const role = roleOf(fileName);
      if (role !== undefined) this.#add(fileName, role);
    }
  }

  certificates(): Iterable<CertificateFile> {
    return this.#certificates;
  }

  pairOf({ stem, fileName, isPem }: CertificateFile): PairNames {
    const { plain, dashed } = this.#keys.get(stem) ?? {};
    // <name>.pem beside <name>.crt and <name>.key is a pair only if it holds a key itself.
    const isSpare = isPem && dashed === undefined && (this.#stems.get(stem) ?? 0) > 1;
    const key = isSpare ? undefined : isPem ? (dashed ?? plain) : (plain ?? dashed);
    return {
      id: fileName,
      stem,
      cert: fileName,
      key,
      chain: this.#chains.get(stem),
      isOptional: isSpare || (key === undefined && !isServerLike(nameOfStem(stem))),
    };
  }

  /** Keys called after a server whose certificate is neither there nor being asked for. */
  *loneKeys(): Iterable<PairNames> {
    for (const [stem, { plain, dashed }] of this.#keys) {
      if (this.#stems.has(stem) || this.#requests.has(stem) || !isServerLike(nameOfStem(stem))) continue;
      const cert = plain === undefined ? `${stem}.pem` : `${stem}.crt`;
      yield { id: cert, stem, cert, key: plain ?? dashed, chain: undefined, isOptional: false };
    }
  }

  #add(fileName: string, role: FileRole): void {
    const { kind, stem } = role;
    if (kind === 'request') this.#requests.add(stem);
    else if (kind === 'chain') this.#chains.set(stem, fileName);
    else if (kind === 'key') this.#addKey(fileName, role);
    else {
      this.#certificates.push({ ...role, fileName });
      this.#stems.set(stem, (this.#stems.get(stem) ?? 0) + 1);
    }
  }

  #addKey(fileName: string, { stem, isPem }: FileRole): void {
    const keys = this.#keys.get(stem) ?? {};
    if (isPem) keys.dashed ??= fileName;
    else keys.plain ??= fileName;
    this.#keys.set(stem, keys);
  }
}
