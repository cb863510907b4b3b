/** The composition root: the only file that knows concrete sources and stores. */
import type { Http2SecureServer } from 'node:http2';
import type { Server as HttpsServer } from 'node:https';
import {
  type AttachableServer,
  type Http2RequestHandler,
  createApplicationServer,
  isExpress,
  type RequestHandler,
} from './application/application.js';
import { selfSigned } from './issuance/self-signed.js';
import type { SecureServerOptions, ServerSettings } from './options.js';
import { parseOptions } from './parse-options.js';
import { SecureServer } from './secure-server.js';
import type { CertificateSource, SourceFunction } from './sources/certificate-source.js';
import { fromFunction } from './sources/from-function.js';
import { fileStorage } from './storage/file-storage.js';
import type { Storage } from './storage/storage.js';

/**
 * Secures an application: certificates come from `sources`, and an Express app, a Fastify handler, any
 * `(request, response)` function or an existing server is served over TLS. Opens nothing, reads nothing: that is
 * what `listen()` and `start()` do.
 *
 * @param options - see {@link SecureServerOptions}
 * @param app - an application, a request listener, or an existing server to `attach`
 * @throws `TypeError` when an option is misused, naming it
 * @example
 * ```ts
 * const secure = await createSecureServer(
 *   { sources: [filePair({ certFile: 'cert.pem', keyFile: 'key.pem' }), selfSigned()] },
 *   (request, response) => response.end('hello'),
 * ).listen(8443);
 * console.log(secure.urls);
 * ```
 */
export function createSecureServer(
  options: SecureServerOptions & { readonly http2: true },
  app: Http2RequestHandler,
): SecureServer<Http2SecureServer>;
export function createSecureServer(
  options?: SecureServerOptions,
  app?: RequestHandler,
): SecureServer<HttpsServer>;
export function createSecureServer<Server extends AttachableServer>(
  options: SecureServerOptions,
  app: Server,
): SecureServer<Server>;
export function createSecureServer(
  options?: SecureServerOptions,
  app?: RequestHandler | Http2RequestHandler | AttachableServer,
): SecureServer;
export function createSecureServer(
  options: SecureServerOptions = {},
  app?: RequestHandler | Http2RequestHandler | AttachableServer,
): SecureServer {
  const settings = parseOptions(options);
  const sources = parseSources(options.sources, settings);
  let storage: Storage | undefined = settings.sharedStorage;
  const parts = { settings, sources, storage: () => (storage ??= fileStorage()) };
  return new SecureServer(parts, app === undefined ? undefined : serverOf(app, settings));
}

function serverOf(
  app: RequestHandler | Http2RequestHandler | AttachableServer,
  { isHttp2 }: ServerSettings,
): AttachableServer {
  if (typeof app !== 'function') return app;
  if (isHttp2 && isExpress(app)) {
    throw new TypeError(
      'createSecureServer: `http2` is on, but Express cannot serve HTTP/2 (its requests hang). Turn `http2` off, or use Fastify, Koa or a plain listener.',
    );
  }
  return createApplicationServer(app, { http2: isHttp2 });
}

function parseSources(
  sources: SecureServerOptions['sources'],
  { logger }: ServerSettings,
): CertificateSource[] {
  if (sources === undefined) {
    logger.warn(
      {},
      'No `sources` were given: serving a self-signed certificate, which clients will not trust.',
    );
    return [selfSigned()];
  }
  const given: unknown = Array.isArray(sources) ? sources : [sources];
  const list = given as readonly unknown[];
  if (list.length === 0)
    throw new TypeError('createSecureServer: `sources` is empty, so there would be no certificate.');
  return list.map((source, index) => parseSource(source, index));
}

function parseSource(source: unknown, index: number): CertificateSource {
  if (typeof source === 'function') return fromFunction(source as SourceFunction);
  if (isSource(source)) return source;
  throw new TypeError(
    `createSecureServer: \`sources[${index}]\` is neither a source (an object with name and find) nor a function. Files are filePair({ certFile, keyFile }), folders directory(path).`,
  );
}

function isSource(value: unknown): value is CertificateSource {
  if (typeof value !== 'object' || value === null || !('find' in value) || !('name' in value)) return false;
  return typeof value.find === 'function' && typeof value.name === 'string';
}
