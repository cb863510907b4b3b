/** `directory()`: all the pairs in a folder, in whatever layout a tool or a person has put them there. */
import type { Credential } from '../credential/credential.js';
import { assertKnownOptions } from '../known-options.js';
import {
  type CertificateSource,
  type Found,
  type IndexedSource,
  LOOKED_FOR,
  type ManagedCertificate,
  type SearchingSource,
  type SourceHost,
  type SourceQuery,
  UNLOADED,
  type UnloadedCertificate,
} from './certificate-source.js';
import type { CertificateFolder, CertificateFolderOptions } from './directory/certificate-folder.js';
import { soughtFiles } from './directory/sought-files.js';
import { LazyEngine } from './lazy-engine.js';

/** Options of {@link directory}. */
export interface DirectoryOptions {
  /** The folder; folders in it are looked into as well, two deep. */
  readonly path: string;
  /**
   * What the files of the pair are called that clients without a (known) name get: `default.crt` and `default.key`.
   * A folder with exactly one pair needs none.
   * @defaultValue `'default'`
   */
  readonly defaultName?: string;
  /**
   * `false`: only the default pair is served, for the names that it covers and to clients that name none.
   * @defaultValue true
   */
  readonly lookup?: boolean;
  /** The passphrase of encrypted keys, the same for all. */
  readonly passphrase?: string;
  /** A file with that passphrase; a trailing newline is dropped. It is read again when it changes. */
  readonly passphraseFile?: string;
  /**
   * Asked while the folder has no default pair in date, and for names that no pair covers. The certificate of a
   * `selfSigned()` is written to the folder once, as `default.crt` and `default.key` (mode 0600), and is an ordinary
   * pair of the folder from then on; in a folder that cannot be written it is kept in memory.
   */
  readonly fallback?: CertificateSource;
}

const OPTIONS = ['path', 'defaultName', 'lookup', 'passphrase', 'passphraseFile', 'fallback'];

/**
 * A source with all the pairs in a folder: `<name>.crt` and `.key`, `<name>.pem` and `<name>-key.pem` (mkcert), one
 * combined `<name>.pem` (haproxy), `<name>/fullchain.pem` and `privkey.pem` (certbot's `live`), `tls.crt` and `tls.key`
 * (Kubernetes); docs/certificate-sources.md has the whole table. A pair answers for the names in its certificate;
 * file names only break ties. Of several the newest in date is served, an exact name before a wildcard. Pairs are
 * loaded when a client first needs them (all at once up to 1,000 pairs), and at most 2,000 are kept loaded; of the
 * others `status()` says what their files do: names, serial number and dates. Files that are added, replaced or removed are picked up within a second where the
 * system notifies or there are at most 1,000 files, else within 30 seconds. A pair whose new files cannot be served
 * goes on with what it had, and the finding `RELOAD_REJECTED` says so.
 *
 * `start()` rejects with `TLS_FILE_NOT_FOUND`, `TLS_FILE_UNREADABLE` or `DIRECTORY_IS_FILE` when the folder cannot be
 * listed, and with the code of `filePair` when its only pair cannot be served; other broken pairs are findings.
 * @throws `TypeError` when an option is misused, naming it
 * @example
 * ```ts
 * createSecureServer({ sources: directory({ path: 'certs', fallback: selfSigned() }) }, app);
 * ```
 */
export function directory(options: DirectoryOptions | string): CertificateSource {
  return new DirectorySource(parse(typeof options === 'string' ? { path: options } : options));
}

class DirectorySource implements CertificateSource, IndexedSource, SearchingSource {
  readonly name = 'directory';
  readonly #options: CertificateFolderOptions;
  readonly #folder = new LazyEngine<CertificateFolder>();

  constructor(options: CertificateFolderOptions) {
    this.#options = options;
  }

  async start(host: SourceHost): Promise<void> {
    await this.#folder.start('directory', async () => {
      const { CertificateFolder } = await import('./directory/certificate-folder.js');
      return new CertificateFolder(this.#options, host);
    });
  }

  find(query: SourceQuery): Found | undefined | Promise<Found | undefined> {
    return this.#folder.current?.find(query);
  }

  default(): Found | undefined | Promise<Found | undefined> {
    return this.#folder.current?.default();
  }

  list(): Iterable<Credential> {
    return this.#folder.current?.list() ?? [];
  }

  [UNLOADED](): Iterable<UnloadedCertificate> | undefined {
    const folder = this.#folder.current;
    return folder?.isIndexed === true ? folder.unloaded() : undefined;
  }

  [LOOKED_FOR](serverName: string): string {
    return soughtFiles(serverName, this.#options);
  }

  managed(): Iterable<ManagedCertificate> {
    return this.#folder.current?.managed() ?? [];
  }

  async reload(options: { readonly signal: AbortSignal }): Promise<void> {
    await this.#folder.current?.reload(options);
  }

  async close(): Promise<void> {
    await this.#folder.close();
  }
}

function parse(options: DirectoryOptions): CertificateFolderOptions {
  if (typeof options !== 'object' || (options as unknown) === null)
    throw new TypeError('directory: give a path or an object with `path`.');
  assertKnownOptions('directory', options, { known: OPTIONS });
  const { path, defaultName = 'default', lookup = true, passphrase, passphraseFile, fallback } = options;
  assertText(path, 'path', 'the path of a folder');
  assertText(defaultName, 'defaultName', 'a name such as default');
  if (/[/\\\0]/.test(defaultName) || defaultName.startsWith('.'))
    throw new TypeError(
      'directory: `defaultName` must be the name of a file without its ending, not a path.',
    );
  if (typeof lookup !== 'boolean') throw new TypeError('directory: `lookup` must be true or false.');
  if (passphrase !== undefined && typeof passphrase !== 'string')
    throw new TypeError('directory: `passphrase` must be a string.');
  if (passphraseFile !== undefined) assertText(passphraseFile, 'passphraseFile', 'the path of a file');
  if (passphrase !== undefined && passphraseFile !== undefined)
    throw new TypeError('directory: give `passphrase` or `passphraseFile`, not both.');
  if (fallback !== undefined && typeof (fallback as Partial<CertificateSource> | null)?.find !== 'function')
    throw new TypeError('directory: `fallback` must be a source such as selfSigned().');
  return { path, defaultName, lookup, passphrase, passphraseFile, fallback };
}

function assertText(value: unknown, option: string, expected: string): void {
  if (typeof value === 'string' && value !== '') return;
  throw new TypeError(`directory: \`${option}\` must be ${expected}.`);
}
