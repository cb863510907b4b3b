/**
 * A front to Pebble that a test can speak through: it passes every request on and writes it down, answers in Pebble's
 * place what the test has scripted, and has renewal information and profiles where the test wants them. Pebble takes
 * its own address from the Host header, so that all its URLs lead through here. Knows nothing of the library.
 */
import { once } from 'node:events';
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { Agent, createServer, request as httpsRequest, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import {
  AuthorityBooks,
  type AuthorityFeatures,
  type FeatureAnswer,
  type RecordedOrder,
} from './authority-features.js';
import { testCa } from './certificates.js';
import type { Pebble } from './pebble.js';

/** A request as it came in. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  /** The nonce of a signed request. */
  readonly nonce: string | undefined;
  /** The payload of a signed request; undefined for POST-as-GET and for what is not signed. */
  readonly payload: Readonly<Record<string, unknown>> | undefined;
  /** The status it was answered with, once it is. */
  status: number | undefined;
}

/** What the front answers in Pebble's place. */
export interface ScriptedAnswer {
  readonly status: number;
  readonly headers?: OutgoingHttpHeaders;
  /** An object is sent as a problem document, text as it is. */
  readonly body?: object | string;
}

/** Answers in Pebble's place; `hang` never answers, `reset` breaks the connection, undefined passes it on. */
export type Interception = (request: SeenRequest) => ScriptedAnswer | 'hang' | 'reset' | undefined;

/** The front. */
export interface PebbleFront {
  readonly directoryUrl: string;
  /** All requests, in order. */
  readonly requests: SeenRequest[];
  /** Orders as they were asked for, in order, also refused ones. */
  readonly orders: RecordedOrder[];
  /** What it has besides Pebble. */
  readonly features: AuthorityFeatures;
  /** Asked about every request. */
  intercept: Interception;
  /** How slowly it answers, if it does: how long nothing comes, and between the hundred bytes that come at a time. */
  pace: { readonly delayMs: number; readonly pauseMs: number } | undefined;
  /** As if nobody had asked anything yet: what was scripted is forgotten, too. */
  reset(): void;
  /** Passes the next request to this path on, and breaks the connection in place of an answer. */
  loseAnswerTo(path: string): void;
  /** Resolves when nobody is connected, and Pebble has answered all that was passed on. */
  quiet(): Promise<void>;
  stop(): Promise<void>;
}

/** Opens one before `pebble`. Its certificate is of the same root as Pebble's own. */
export async function startPebbleFront(
  pebble: Pebble,
  features: AuthorityFeatures = {},
): Promise<PebbleFront> {
  const books = new AuthorityBooks(features);
  const { cert, key } = await (await testCa()).issue({ names: ['127.0.0.1', 'localhost'] });
  const sockets = new Set<Socket>();
  const requests: SeenRequest[] = [];
  const agent = new Agent({ keepAlive: true, ca: pebble.serverCa });
  let lost: string | undefined;
  let underway = 0;
  const server: Server = createServer({ cert, key }, (incoming, response) => {
    underway += 1;
    void serve(incoming, response)
      .catch(() => response.destroy())
      .finally(() => (underway -= 1));
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const front: PebbleFront = {
    directoryUrl: `${origin}/dir`,
    ...{ requests, orders: books.orders, features },
    intercept: () => undefined,
    pace: undefined,
    reset: () => {
      requests.length = 0;
      books.orders.length = 0;
      front.intercept = () => undefined;
      front.pace = undefined;
    },
    loseAnswerTo: (path) => {
      lost = path;
    },
    quiet: async () => {
      while (underway > 0 || sockets.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    },
    stop: async () => {
      agent.destroy();
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
  const serve = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await text(incoming);
    const seen = readRequest(incoming, body);
    requests.push(seen);
    const answer = front.intercept(seen);
    if (answer === 'hang') return;
    if (answer === 'reset') {
      incoming.socket.destroy();
      return;
    }
    if (answer !== undefined) {
      seen.status = answer.status;
      send(response, answer);
      return;
    }
    const received = books.answer(seen) ?? (await passOn(incoming, body, { pebble, agent }));
    if (lost === seen.path) {
      lost = undefined;
      incoming.socket.destroy();
      return;
    }
    const noted = await books.noted(seen, received, origin);
    seen.status = received.status;
    const { pace } = front;
    if (pace !== undefined) await rest(pace.delayMs);
    response.writeHead(received.status, { ...received.headers, 'content-length': Buffer.byteLength(noted) });
    if (pace !== undefined) await trickle(response, noted, pace.pauseMs);
    else response.end(noted);
  };
  return front;
}

/** As long as somebody reads. */
async function trickle(response: ServerResponse, body: string, pauseMs: number): Promise<void> {
  for (let at = 0; at < body.length && !response.destroyed; at += 100) {
    response.write(body.slice(at, at + 100));
    await rest(pauseMs);
  }
  response.end();
}

function rest(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function readRequest({ method = '', url = '' }: IncomingMessage, body: string): SeenRequest {
  const jws = (body.startsWith('{') ? JSON.parse(body) : {}) as { protected?: string; payload?: string };
  const header = decoded(jws.protected);
  const nonce = header?.['nonce'];
  return {
    method,
    path: url,
    nonce: typeof nonce === 'string' ? nonce : undefined,
    payload: decoded(jws.payload),
    status: undefined,
  };
}

function decoded(part: string | undefined): Record<string, unknown> | undefined {
  if (part === undefined || part === '') return undefined;
  return JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>;
}

function send(response: ServerResponse, { status, headers, body = '' }: ScriptedAnswer): void {
  const isProblem = typeof body === 'object';
  response.writeHead(status, {
    'content-type': isProblem ? 'application/problem+json' : 'text/html',
    ...headers,
  });
  response.end(isProblem ? JSON.stringify(body) : body);
}

async function passOn(
  { method, url = '', headers }: IncomingMessage,
  body: string,
  { pebble, agent }: { pebble: Pebble; agent: Agent },
): Promise<FeatureAnswer> {
  const { hostname, port } = new URL(pebble.directoryUrl);
  const onward = httpsRequest({
    ...{ hostname, port, method, path: url, headers, agent },
    // Else it would be the host that the request names.
    servername: 'localhost',
  });
  onward.end(body);
  const [answer] = (await once(onward, 'response')) as [IncomingMessage];
  const { statusCode = 502, headers: answered } = answer;
  const received = await text(answer);
  delete answered.connection;
  delete answered['transfer-encoding'];
  return { status: statusCode, headers: answered as Record<string, string>, body: received };
}
