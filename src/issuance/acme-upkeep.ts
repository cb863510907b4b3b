/** What ACME certificates need once their server starts, as one piece to load then. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { isTestAuthority } from '../acme/test-authority.js';
import { TlsmithError } from '../errors.js';
import type { Logger } from '../logger.js';
import type { SourceHost } from '../sources/certificate-source.js';
import { fileError } from '../files/file-errors.js';
import { type AcmeIssuer, acmeIssuer, type AcmeIssuerOptions } from './acme-issuer.js';
import type { ParsedAcmeOptions } from './acme-options.js';
import { CertificateExports, type ExportTools } from './certificate-exports.js';
import type { Companion } from './companion.js';
import { withFallback } from './fallback-issuer.js';
import { type ManagedSource, managedSource } from './managed-source.js';
import { OnDemandNames, withOnDemand } from './on-demand.js';
import { StorageCleaning } from './storage-cleaning.js';

/** What the engine is started with. */
export interface AcmeUpkeepOptions extends ParsedAcmeOptions {
  readonly name: string;
  readonly host: SourceHost;
}

/** The engine; `managed` is to be started and closed. */
export interface AcmeUpkeep {
  readonly managed: ManagedSource;
  /** Revokes what serves for the name, and gets another. */
  revoke(serverName: string): Promise<void>;
  /** Gives the account another key. */
  rollOverAccountKey(): Promise<void>;
}

/** Makes the engine. */
export async function acmeUpkeep(options: AcmeUpkeepOptions): Promise<AcmeUpkeep> {
  const { name, host, domains, waitMs, fractionLeft } = options;
  const storage = options.storage ?? host.storage;
  const manages = (serverName: string): boolean => known.manages(serverName);
  const issuer = await issuerFor(options, { host, storage, manages });
  const clock = host.clock;
  const onDemand =
    options.onDemand === undefined
      ? undefined
      : new OnDemandNames({ options: options.onDemand, issuerId: issuer.id, storage, clock, waitMs });
  const known: ManagedSource = managedSource({
    name,
    issuer: onDemand?.guard(issuer) ?? issuer,
    mayPrecede: isNoTestAuthority,
    leftAside: (names, issuerId) => {
      tellLeftAside(names, { issuerId, ownId: issuer.id, logger: host.logger });
    },
    companions: companionsOf(options, { host, storage, issuerId: issuer.id, sourceName: name }),
    failed: (failure) => onDemand?.failed(failure, known),
    names: domains,
    storage,
    waitMs,
    ...(fractionLeft === undefined ? {} : { renewal: { fractionLeft } }),
  });
  const managed = onDemand === undefined ? known : withOnDemand(known, onDemand);
  return {
    managed,
    rollOverAccountKey: () => issuer.rollOverAccountKey(),
    revoke: (serverName) => managed.revoke(serverName, { signal: new AbortController().signal }),
  };
}

function companionsOf(
  { exportTo }: ParsedAcmeOptions,
  tools: Omit<ExportTools, 'options'>,
): readonly Companion[] {
  const { storage, host, issuerId } = tools;
  const cleaning = new StorageCleaning({ storage, issuerId, clock: host.clock, logger: host.logger });
  return exportTo === undefined
    ? [cleaning]
    : [cleaning, new CertificateExports({ ...tools, options: exportTo })];
}

/** With its fallbacks; the files of all are read before any of them answers anything. */
async function issuerFor(
  options: ParsedAcmeOptions,
  { host, storage, manages }: Pick<AcmeIssuerOptions, 'host' | 'storage' | 'manages'>,
): Promise<AcmeIssuer> {
  const { serverCaFile, fallback } = options;
  const { clock, logger } = host;
  const serverCa = serverCaFile === undefined ? undefined : await readRoots(serverCaFile);
  const second =
    fallback === undefined
      ? undefined
      : await issuerFor(fallback, { host, storage: fallback.storage ?? storage, manages });
  const first = acmeIssuer({ ...options, host, storage, manages, serverCa });
  return second === undefined ? first : withFallback(first, second, { clock, logger, storage });
}

/** What an authority for tests has issued never serves in the place of a real certificate. */
function isNoTestAuthority(issuerId: string): boolean {
  return issuerId.startsWith('acme-') && !isTestAuthority(issuerId);
}

/** From a test authority to a real one there is a gap until the first order is through: whoever sees it may want to know why. */
function tellLeftAside(
  names: readonly string[],
  { issuerId, ownId, logger }: { readonly issuerId: string; readonly ownId: string; readonly logger: Logger },
): void {
  if (!isTestAuthority(issuerId) || isTestAuthority(ownId)) return;
  logger.warn(
    { names, source: 'acme' },
    `The certificate for ${names.join(', ')} that an authority for tests has issued is discarded: one that clients trust is ordered, and handshakes wait for it.`,
  );
}

async function readRoots(file: string): Promise<string> {
  const path = resolve(file);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw await fileError(error, path, 'The file of `serverCaFile`');
  }
  if (text.includes('-----BEGIN CERTIFICATE-----')) return text;
  throw new TlsmithError(
    'TLS_PEM_INVALID',
    `The file of \`serverCaFile\`, ${path}, holds no certificate as PEM.`,
    {
      path,
    },
  );
}
