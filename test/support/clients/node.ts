// Node's own clients. https and http2 run in this process; fetch takes its trust from the environment and so
// runs in a child.
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { connect as connectHttp2, type IncomingHttpHeaders as Http2Headers } from 'node:http2';
import { get, type RequestOptions } from 'node:https';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { text } from 'node:stream/consumers';
import { checkServerIdentity, type ConnectionOptions, type PeerCertificate, type TLSSocket } from 'node:tls';
import { run } from './child-process.js';
import { type Target, withTarget } from './target.js';
import { PATIENCE_MS } from '../until.js';

/** How node's clients connect. */
export interface NodeRequest<Options> extends Target {
  /** `''` sends no SNI; defaults to `host`. */
  readonly serverName?: string;
  /** Everything else, such as `cert`, `session` or `maxVersion`. */
  readonly options?: Options;
}

/** What a client of node's saw of the connection. */
export interface NodeConnection {
  /** The server's certificate, with its issuers where the server sent them. */
  readonly certificate: PeerCertificate;
  /** Such as `TLSv1.3`. */
  readonly protocol: string | null;
  readonly alpn: string | false | null;
  readonly isReused: boolean;
}

/** A page by HTTP/1.1. */
export interface NodeHttpsAnswer extends NodeConnection {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A page by HTTP/2. */
export interface NodeHttp2Answer extends NodeConnection {
  readonly status: number;
  readonly headers: Http2Headers;
  readonly body: string;
}

/** Requests a page by HTTP/1.1 on a connection of its own; rejects as node does. */
export async function nodeHttps(request: NodeRequest<RequestOptions>): Promise<NodeHttpsAnswer> {
  const { port, host = 'localhost', path = '/' } = request;
  const connection = await connectionOptions(request);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const sent = get(
      {
        ...{ host: '127.0.0.1', port, path, agent: false, headers: { host: `${bracketed(host)}:${port}` } },
        ...connection,
        ...request.options,
      },
      resolve,
    );
    sent.setTimeout(request.timeLimitMs ?? PATIENCE_MS, () => {
      sent.destroy(new Error('The server did not answer in time.'));
    });
    sent.once('error', reject);
  });
  const seen = connectionSeen(response.socket as unknown as TLSSocket);
  const body = await text(response);
  return { status: response.statusCode ?? 0, headers: response.headers, body, ...seen };
}

/** Requests a page by HTTP/2 on a connection of its own; rejects as node does. */
export async function nodeHttp2(request: NodeRequest<ConnectionOptions>): Promise<NodeHttp2Answer> {
  const { port, host = 'localhost', path = '/' } = request;
  const session = connectHttp2(`https://127.0.0.1:${port}`, {
    ...(await connectionOptions(request)),
    ALPNProtocols: ['h2'],
    ...request.options,
  });
  try {
    session.setTimeout(request.timeLimitMs ?? PATIENCE_MS, () => {
      session.destroy(new Error('The server did not answer in time.'));
    });
    await once(session, 'connect'); // A request made before would hide why the connection failed.
    return await new Promise<NodeHttp2Answer>((resolve, reject) => {
      session.once('error', reject);
      const stream = session.request({ ':path': path, ':authority': `${bracketed(host)}:${port}` });
      stream.once('error', reject).once('response', (headers) => {
        const seen = connectionSeen(session.socket as unknown as TLSSocket);
        text(stream).then((body) => {
          resolve({ status: headers[':status'] ?? 0, headers, body, ...seen });
        }, reject);
      });
    });
  } finally {
    session.destroy();
  }
}

/** What `fetch` of a fresh node process got; `error` holds the code of a failure. */
export interface NodeFetchAnswer {
  readonly error?: string;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

const FETCH_SCRIPT = `
const { url } = JSON.parse(process.argv[1]);
require('dns').lookup = (name, options, callback) =>
  options.all ? callback(null, [{ address: '127.0.0.1', family: 4 }]) : callback(null, '127.0.0.1', 4);
fetch(url, { redirect: 'manual' })
  .then(async (answer) => ({ status: answer.status, headers: Object.fromEntries(answer.headers), body: await answer.text() }))
  .catch((error) => ({ error: error.cause?.code ?? error.message }))
  .then((answer) => process.stdout.write(JSON.stringify(answer)));
`;

/** Requests a page by `fetch` in a node process of its own, every name being 127.0.0.1. */
export function nodeFetch(request: Target): Promise<NodeFetchAnswer> {
  return withTarget(request, async ({ port, host, path, caFile, limit }) => {
    const { stdout, stderr } = await run({
      program: process.execPath,
      args: ['-e', FETCH_SCRIPT, JSON.stringify({ url: `https://${bracketed(host)}:${port}${path}` })],
      ...(caFile === undefined ? {} : { env: { NODE_EXTRA_CA_CERTS: caFile } }),
      ...limit,
    });
    if (stdout === '') throw new Error(`node ended without an answer: ${stderr}`);
    return JSON.parse(stdout) as NodeFetchAnswer;
  });
}

async function connectionOptions(request: NodeRequest<unknown>): Promise<ConnectionOptions> {
  const { host = 'localhost', serverName = isIP(host) === 0 ? host : '' } = request;
  const ca = request.caFile === undefined ? request.caPem : await readFile(request.caFile, 'utf8');
  return {
    ca: ca ?? [],
    servername: serverName,
    // Without SNI node would compare the certificate with the address that it connected to.
    checkServerIdentity: (_, certificate) => nameMismatch(host, certificate),
  };
}

function nameMismatch(host: string, certificate: PeerCertificate): Error | undefined {
  // Node 22.23 finds no IPv6 address in any certificate (its domainToASCII makes nothing of one).
  const isCovered = isIP(host) === 6 && new X509Certificate(certificate.raw).checkIP(host) !== undefined;
  return isCovered ? undefined : checkServerIdentity(host, certificate);
}

function connectionSeen(socket: TLSSocket): NodeConnection {
  return {
    certificate: socket.getPeerCertificate(true),
    protocol: socket.getProtocol(),
    alpn: socket.alpnProtocol,
    isReused: socket.isSessionReused(),
  };
}

function bracketed(host: string): string {
  return isIP(host) === 6 ? `[${host}]` : host;
}
