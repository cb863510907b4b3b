/** A certificate and key in files, as certbot, a company CA, Kubernetes or a person puts them there. */
import { coversName, type Credential } from '../credential/credential.js';
import { assertKnownOptions } from '../known-options.js';
import type { CertificateSource, SourceHost, SourceQuery } from './certificate-source.js';
import type { FilePairEngine } from './file-pair/file-pair-engine.js';
import type { FilePairFiles } from './file-pair/pair-reader.js';
import { LazyEngine } from './lazy-engine.js';

const NAME = 'file-pair';
const OPTIONS = ['certFile', 'keyFile', 'chainFile', 'pfxFile', 'passphrase', 'passphraseFile'];

/** Options of {@link filePair}: `certFile` with `keyFile`, or `pfxFile`. Relative paths count from the working folder. */
export interface FilePairOptions {
  /** The certificate file: PEM, with or without its chain, under any name. */
  readonly certFile?: string;
  /** The private key file: PEM, encrypted or not; may be the same file as `certFile`. */
  readonly keyFile?: string;
  /** Further certificates of the chain, when `certFile` holds only the leaf. */
  readonly chainFile?: string;
  /** Certificate, key and chain in one PKCS#12 file (`.pfx`, `.p12`), instead of the three above. */
  readonly pfxFile?: string;
  /** The passphrase of an encrypted key or PKCS#12 file. */
  readonly passphrase?: string;
  /** A file with the passphrase, read again with the others; one newline at its end is dropped. */
  readonly passphraseFile?: string;
}

/**
 * A source with one certificate from files. It answers for the names in the certificate, and as default.
 *
 * The files are read at `start()` and again when they change, however they are replaced: renamed over, rewritten in
 * place, relinked by certbot, swapped by Kubernetes. Where the operating system notifies, the new pair serves within
 * 250 ms, elsewhere within 1.5 s. It is proven first; until it is, the old pair serves, and a fault that lasts longer
 * than a second is told as the finding `RELOAD_REJECTED`. Nothing is ever written.
 *
 * `start()` rejects with a coded error when the pair cannot work: `TLS_FILE_NOT_FOUND`, `TLS_FILE_IS_DIRECTORY`,
 * `TLS_FILE_UNREADABLE`, `TLS_FILE_EMPTY`, `TLS_PEM_INVALID`, `TLS_PEM_WRONG_KIND`, `TLS_PKCS12_INVALID`,
 * `TLS_KEY_MISMATCH`, `TLS_KEY_PASSPHRASE_REQUIRED`, `TLS_KEY_PASSPHRASE_WRONG`, `TLS_KEY_UNSUPPORTED`.
 * @throws `TypeError` when an option is missing, unknown or no string, or two contradict each other
 * @example
 * ```ts
 * createSecureServer({ sources: filePair({ certFile: 'fullchain.pem', keyFile: 'privkey.pem' }) }, app);
 * ```
 */
export function filePair(options: FilePairOptions): CertificateSource {
  return new FilePairSource(parse(options));
}

class FilePairSource implements CertificateSource {
  readonly name = NAME;
  readonly #files: FilePairFiles;
  readonly #engine = new LazyEngine<FilePairEngine>();

  constructor(files: FilePairFiles) {
    this.#files = files;
  }

  async start(host: SourceHost): Promise<void> {
    await this.#engine.start('file pair', async () => {
      const { FilePairEngine } = await import('./file-pair/file-pair-engine.js');
      return new FilePairEngine(this.#files, host);
    });
  }

  find({ serverName }: SourceQuery): Credential | undefined {
    const credential = this.#engine.current?.credential;
    return credential !== undefined && coversName(credential, serverName) ? credential : undefined;
  }

  default(): Credential | undefined {
    return this.#engine.current?.credential;
  }

  list(): Iterable<Credential> {
    const credential = this.#engine.current?.credential;
    return credential === undefined ? [] : [credential];
  }

  async reload(): Promise<void> {
    await this.#engine.current?.reload();
  }

  async close(): Promise<void> {
    await this.#engine.close();
  }
}

function parse(options: FilePairOptions): FilePairFiles {
  if (typeof options !== 'object' || (options as unknown) === null)
    throw new TypeError('filePair: give an object with `certFile` and `keyFile`, or with `pfxFile`.');
  assertKnownOptions('filePair', options, { known: OPTIONS });
  const { passphrase, passphraseFile } = options;
  if (passphrase !== undefined && typeof passphrase !== 'string')
    throw new TypeError('filePair: `passphrase` must be a string.');
  assertPath(passphraseFile, 'passphraseFile');
  if (passphrase !== undefined && passphraseFile !== undefined) {
    throw new TypeError('filePair: give `passphrase` or `passphraseFile`, not both.');
  }
  return { ...parseFiles(options), passphrase, passphraseFile };
}

function parseFiles({ certFile, keyFile, chainFile, pfxFile }: FilePairOptions) {
  for (const [option, path] of Object.entries({ certFile, keyFile, chainFile, pfxFile }))
    assertPath(path, option);
  if (pfxFile !== undefined) {
    if (certFile !== undefined || keyFile !== undefined || chainFile !== undefined) {
      throw new TypeError('filePair: give `pfxFile`, or `certFile` and `keyFile`, not both.');
    }
    return { kind: 'pkcs12', pfxFile } as const;
  }
  if (certFile === undefined) throw new TypeError('filePair: `certFile` is missing (or `pfxFile` instead).');
  if (keyFile === undefined)
    throw new TypeError('filePair: `keyFile` is missing: a certificate needs its key.');
  return { kind: 'pem', certFile, keyFile, chainFile } as const;
}

function assertPath(value: unknown, option: string): void {
  if (value === undefined || (typeof value === 'string' && value !== '')) return;
  throw new TypeError(`filePair: \`${option}\` must be the path of a file.`);
}
