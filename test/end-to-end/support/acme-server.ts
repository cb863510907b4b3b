// A server under test whose certificates come from Pebble, on the ports where Pebble's validators look for it.
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  acme,
  type AcmeOptions,
  type AcmeSource,
  type CertificateSource,
  createSecureServer,
  type FailedEvent,
  type Logger,
  memoryStorage,
  type SecureServer,
  type SecureServerOptions,
} from '../../../src/index.js';
import { nodeHttps } from '../../support/clients.js';
import type { Pebble } from '../../support/pebble.js';
import type { Keep } from './cleanup.js';

export const HOST = '127.0.0.1';

/** What a test works with. */
export interface AcmeServing {
  readonly secure: SecureServer;
  readonly source: AcmeSource;
  /** What the application has seen of connections and requests. */
  readonly seen: string[];
  /** Every attempt that failed. */
  readonly failed: FailedEvent[];
  /** Warnings in the log. */
  readonly warnings: string[];
  /** Errors in the log. */
  readonly errors: string[];
}

/** How the server under test is made. */
export interface AcmeServer {
  readonly pebble: Pebble;
  readonly keep: Keep;
  readonly options?: Partial<AcmeOptions>;
  readonly server?: SecureServerOptions;
  /** Sources that are asked after it. */
  readonly behind?: readonly CertificateSource[];
}

/** Made, but not started. */
export function acmeServer({
  pebble,
  keep,
  options = {},
  server = {},
  behind = [],
}: AcmeServer): AcmeServing {
  const { directoryUrl, serverCaFile } = pebble;
  const source = acme({
    ...{ domains: [], termsOfServiceAgreed: true, directoryUrl, serverCaFile },
    ...options,
  });
  const seen: string[] = [];
  const failed: FailedEvent[] = [];
  const warnings: string[] = [];
  const errors: string[] = [];
  const secure = createSecureServer(
    {
      sources: [source, ...behind],
      storage: memoryStorage(),
      logger: recording({ warnings, errors }),
      ...server,
    },
    (request: IncomingMessage, response: ServerResponse) => {
      seen.push(`request ${request.url ?? ''}`);
      response.end('page');
    },
  );
  keep(secure);
  secure.on('failed', (event) => failed.push(event));
  secure.server.on('secureConnection', () => seen.push('connection'));
  return { secure, source, seen, failed, warnings, errors };
}

/** Listens where Pebble's validators connect. */
export async function acmeServing(options: AcmeServer): Promise<AcmeServing> {
  const serving = acmeServer(options);
  await serving.secure.listen({ port: options.pebble.tlsPort, host: HOST });
  return serving;
}

/** What a client sees that trusts what Pebble issues, and nothing else. */
export async function acmePage(
  pebble: Pebble,
  host: string,
): Promise<{ status: number; names: string | undefined; serialNumber: string }> {
  const caPem = await pebble.rootPem();
  const { status, certificate } = await nodeHttps({ port: pebble.tlsPort, host, caPem });
  return { status, names: certificate.subjectaltname, serialNumber: certificate.serialNumber };
}

/** Waits for the next attempt that fails. */
export async function nextFailure({ secure }: Pick<AcmeServing, 'secure'>): Promise<FailedEvent> {
  return new Promise((resolve) => {
    secure.once('failed', resolve);
  });
}

/** Names that nobody has used before. */
export function nameGenerator(prefix: string): () => string {
  let count = 0;
  return () => {
    count += 1;
    return `${prefix}-${count}.test`;
  };
}

function recording({ warnings, errors }: Pick<AcmeServing, 'warnings' | 'errors'>): Logger {
  const ignore = (): void => undefined;
  return {
    debug: ignore,
    info: ignore,
    warn: (...line) => warnings.push(line.map(String).join(' ')),
    error: (...line) => errors.push(line.map(String).join(' ')),
  };
}
