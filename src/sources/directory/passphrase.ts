/** The passphrase of the encrypted keys in a folder, from the options or from a file that may change. */
import { type PairFile, readPairFile } from '../../files/read-pair-file.js';
import { stampOf } from './file-stamp.js';

/** Where it is. */
export interface PassphraseOptions {
  readonly passphrase: string | undefined;
  readonly passphraseFile: string | undefined;
}

/** What opens keys, and the file that it came from. */
export interface PassphraseReading {
  readonly passphrase?: string;
  readonly passphraseFile?: PairFile;
}

/** Reads the file again only when it has changed. */
export class Passphrase {
  readonly #options: PassphraseOptions;
  #stamp: string | undefined;
  #reading: Promise<PassphraseReading> | undefined;

  constructor(options: PassphraseOptions) {
    this.#options = options;
  }

  /** Looks whether the file has changed; answers true when it has. */
  async hasChanged(): Promise<boolean> {
    const { passphraseFile } = this.#options;
    if (passphraseFile === undefined) return false;
    const stamp = await stampOf(passphraseFile);
    if (stamp === this.#stamp) return false;
    this.#stamp = stamp;
    this.#reading = undefined;
    return true;
  }

  /** @throws a coded error when the file cannot be read */
  read(): Promise<PassphraseReading> {
    this.#reading ??= this.#read();
    return this.#reading;
  }

  async #read(): Promise<PassphraseReading> {
    const { passphrase, passphraseFile } = this.#options;
    if (passphraseFile === undefined) return passphrase === undefined ? {} : { passphrase };
    const file = await readPairFile(passphraseFile, 'Passphrase file');
    return { passphrase: file.bytes.toString('utf8').replace(/\r?\n$/, ''), passphraseFile: file };
  }
}
