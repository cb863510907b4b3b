/** Reads the files that a file pair was given, in one of their two forms, from one snapshot. */
import { resolve } from 'node:path';
import { codeOf, TlsmithError } from '../../errors.js';
import { type LoadedPair, loadPair } from '../../files/load-pair.js';
import { type PairMaterial, readPair } from '../../files/pair-material.js';
import { type Locate, type PairFile, readPairFile } from '../../files/read-pair-file.js';
import { LinkSnapshot } from '../../files/link-snapshot.js';

/** Certificate and key in files of their own. */
export interface PemFiles {
  readonly kind: 'pem';
  readonly certFile: string;
  readonly keyFile: string;
  readonly chainFile: string | undefined;
}

/** Both in one PKCS#12 file. */
export interface Pkcs12File {
  readonly kind: 'pkcs12';
  readonly pfxFile: string;
}

/** What a file pair reads. */
export type FilePairFiles = (PemFiles | Pkcs12File) & {
  readonly passphrase: string | undefined;
  readonly passphraseFile: string | undefined;
};

/** How often a snapshot is taken anew because the files moved on while they were read. */
const SNAPSHOTS = 4;

/** The files of a pair as they are found by each reading. */
export class PairReader {
  readonly #files: FilePairFiles;
  #folders: readonly string[];

  constructor(files: FilePairFiles) {
    this.#files = files;
    this.#folders = [];
  }

  /** Absolute paths of all files, as they were given. */
  get paths(): readonly string[] {
    const { passphraseFile } = this.#files;
    const files =
      this.#files.kind === 'pem'
        ? [this.#files.certFile, this.#files.keyFile, this.#files.chainFile]
        : [this.#files.pfxFile];
    return [...files, passphraseFile].filter((path) => path !== undefined).map((path) => resolve(path));
  }

  /** The folders in which a change of the pair would be seen, as the last reading found them. */
  get folders(): readonly string[] {
    return this.#folders;
  }

  /**
   * Reads and proves the pair.
   * @throws {@link TlsmithError} as `loadPair`
   */
  async load(now: number): Promise<LoadedPair> {
    return loadPair(await this.#read(), now);
  }

  /** A file gone from where its links led a moment ago: the swap was faster, and the new one is there already. */
  async #read(): Promise<PairMaterial> {
    let before = '';
    for (let attempt = 1; ; attempt += 1) {
      const snapshot = new LinkSnapshot();
      const locations = (await Promise.all(this.paths.map((path) => snapshot.locate(path)))).join('\n');
      this.#folders = snapshot.folders;
      try {
        return await this.#readFrom((path) => snapshot.locate(path));
      } catch (error) {
        const mayHaveMoved = codeOf(error) === 'TLS_FILE_NOT_FOUND' && locations !== before;
        if (!mayHaveMoved || attempt === SNAPSHOTS) throw error;
        before = locations;
      }
    }
  }

  async #readFrom(locate: Locate): Promise<PairMaterial> {
    const files = this.#files;
    const passphraseFile =
      files.passphraseFile === undefined
        ? undefined
        : await readPairFile(files.passphraseFile, 'Passphrase file', { locate });
    const passphrase = passphraseFile === undefined ? files.passphrase : passphraseIn(passphraseFile);
    const material =
      files.kind === 'pem'
        ? await readPair(pemFiles(files, passphrase), { locate })
        : await readPkcs12File(files.pfxFile, { locate, passphrase, passphraseFile });
    return passphraseFile === undefined ? material : { ...material, passphraseFile };
  }
}

function pemFiles({ certFile, keyFile, chainFile }: PemFiles, passphrase: string | undefined) {
  return {
    certFile,
    keyFile,
    ...(chainFile === undefined ? {} : { chainFile }),
    ...(passphrase === undefined ? {} : { passphrase }),
  };
}

interface Pkcs12Reading {
  readonly locate: Locate;
  readonly passphrase: string | undefined;
  readonly passphraseFile: PairFile | undefined;
}

async function readPkcs12File(path: string, reading: Pkcs12Reading): Promise<PairMaterial> {
  const { locate, passphrase, passphraseFile } = reading;
  const file = await readPairFile(path, 'PKCS#12 file', { locate });
  // Loaded by those only who have such a file.
  const { readPkcs12 } = await import('./pkcs12.js');
  const { cert, key } = await readPkcs12(file, { passphrase, passphraseFile: passphraseFile?.path });
  return {
    input: { cert, key },
    origin: {
      cert: `The certificate in PKCS#12 file ${file.path}`,
      key: `The private key in PKCS#12 file ${file.path}`,
    },
    certFile: file,
    keyFile: file,
    isKeyEncrypted: passphrase !== undefined && passphrase !== '',
  };
}

/** Editors and `echo` end a file with a newline that belongs to no passphrase. */
function passphraseIn({ path, bytes }: PairFile): string {
  if (bytes.length === 0) {
    throw new TlsmithError('TLS_FILE_EMPTY', `Passphrase file ${path} is empty.`, {
      path,
      hint: 'Write the passphrase into it; leave `passphraseFile` out for a key that is not encrypted.',
    });
  }
  return bytes.toString('utf8').replace(/\r?\n$/, '');
}
