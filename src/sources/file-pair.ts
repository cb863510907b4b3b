/** A certificate and key in files, as certbot, a company CA or a person puts them there. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { coversName, createCredential, type Credential } from '../credential/credential.js';
import type { CertificateSource, SourceHost } from './certificate-source.js';
import { fileError } from './file-errors.js';

/** Options of {@link filePair}. */
export interface FilePairOptions {
  /** The certificate file: PEM, with or without its chain, under any name. */
  readonly certFile: string;
  /** The private key file: PEM, encrypted or not. */
  readonly keyFile: string;
  /** Further certificates of the chain, when `certFile` holds only the leaf. */
  readonly chainFile?: string;
  /** The passphrase of an encrypted key. */
  readonly passphrase?: string;
  /** A file with the passphrase; a trailing newline is dropped. */
  readonly passphraseFile?: string;
}

/**
 * A source with one certificate from files, read at `start()` and again by `reload()`; when a reload fails, the
 * pair that was loaded before keeps serving. It answers for the names in the certificate, and as default.
 *
 * `start()` rejects with a coded error when the pair cannot work: `TLS_FILE_NOT_FOUND`, `TLS_FILE_IS_DIRECTORY`,
 * `TLS_FILE_UNREADABLE`, `TLS_FILE_EMPTY`, `TLS_PEM_INVALID`, `TLS_PEM_WRONG_KIND`, `TLS_KEY_MISMATCH`,
 * `TLS_KEY_PASSPHRASE_REQUIRED`, `TLS_KEY_PASSPHRASE_WRONG`, `TLS_KEY_UNSUPPORTED`.
 * @throws `TypeError` when an option is missing or no string
 * @example
 * ```ts
 * createSecureServer({ sources: filePair({ certFile: 'fullchain.pem', keyFile: 'privkey.pem' }) }, app);
 * ```
 */
export function filePair(options: FilePairOptions): CertificateSource {
  assertOptions(options);
  let host: SourceHost | undefined;
  let credential: Credential | undefined;

  let lastRead: Promise<unknown> = Promise.resolve();

  /** One read after the other: what an older one has found must not displace what a newer one has. */
  const inOrder = (load: () => Promise<void>): Promise<void> => {
    const loading = lastRead.then(load);
    lastRead = loading.catch(() => undefined);
    return loading;
  };

  /** A start tells all it finds, also of a pair that an earlier start has loaded: findings are forgotten between. */
  const loadFor = async (startedBy: SourceHost): Promise<void> => {
    host = startedBy;
    credential = await readPair(options);
    for (const finding of credential.findings) host.report(finding);
    host.changed(credential.names);
    host.notify({ type: 'certificate', action: 'loaded', credential });
  };

  const loadAgain = async (): Promise<void> => {
    const loaded = await readPair(options);
    const previous = credential;
    if (loaded.id === previous?.id) return;
    credential = loaded;
    if (host !== undefined) tellOfReload(host, loaded, previous);
  };

  return {
    name: 'file-pair',
    start: (startedBy) => inOrder(() => loadFor(startedBy)),
    find: ({ serverName }) =>
      credential !== undefined && coversName(credential, serverName) ? credential : undefined,
    default: () => credential,
    list: () => (credential === undefined ? [] : [credential]),
    reload: () => inOrder(loadAgain),
  };
}

function tellOfReload(host: SourceHost, credential: Credential, previous: Credential | undefined): void {
  for (const { code } of previous?.findings ?? []) {
    if (!credential.findings.some((finding) => finding.code === code)) host.resolved(code);
  }
  for (const finding of credential.findings) host.report(finding);
  host.changed(credential.names);
  host.notify({
    type: 'certificate',
    action: previous === undefined ? 'loaded' : 'reloaded',
    credential,
    ...(previous === undefined ? {} : { previous }),
  });
}

async function readPair(options: FilePairOptions): Promise<Credential> {
  const [cert, key, chain, passphrase] = await Promise.all([
    read(options.certFile, 'Certificate file'),
    read(options.keyFile, 'Private key'),
    options.chainFile === undefined ? undefined : read(options.chainFile, 'Chain file'),
    options.passphraseFile === undefined ? options.passphrase : readPassphrase(options.passphraseFile),
  ]);
  const input = {
    cert,
    key,
    ...(chain === undefined ? {} : { chain }),
    ...(passphrase === undefined ? {} : { passphrase }),
  };
  const credential = createCredential(input, {
    cert: `Certificate file ${resolve(options.certFile)}`,
    key: `Private key ${resolve(options.keyFile)}`,
  });
  return credential;
}

async function read(path: string, role: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw await fileError(error, resolve(path), role);
  }
}

async function readPassphrase(path: string): Promise<string> {
  const bytes = await read(path, 'Passphrase file');
  return bytes.toString('utf8').replace(/\r?\n$/, '');
}

function assertOptions(options: FilePairOptions): void {
  const { certFile, keyFile, chainFile, passphrase, passphraseFile } = options;
  assertString(certFile, 'certFile');
  assertString(keyFile, 'keyFile');
  if (chainFile !== undefined) assertString(chainFile, 'chainFile');
  if (passphrase !== undefined && typeof passphrase !== 'string')
    throw new TypeError('filePair: `passphrase` must be a string.');
  if (passphraseFile !== undefined) assertString(passphraseFile, 'passphraseFile');
  if (passphrase !== undefined && passphraseFile !== undefined) {
    throw new TypeError('filePair: give `passphrase` or `passphraseFile`, not both.');
  }
}

function assertString(value: unknown, option: string): void {
  if (typeof value === 'string' && value !== '') return;
  throw new TypeError(`filePair: \`${option}\` must be the path of a file.`);
}
