/**
 * A server that sees only the requests for the names of one policy. It is an object derived from the application's
 * server whose `emit` looks at what node's own connection listener is about to tell: of the application's server
 * nothing is replaced, and what does not concern requests is emitted there as ever.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';
import { refuseRequest, refuseStream, refuseUpgrade } from '../http/misdirected.js';
import {
  type AddressedName,
  authoritiesIn,
  authorityOfTarget,
  nameOfAuthority,
  overrideHost,
} from '../http/request-authority.js';
import type { AttachableServer } from './application.js';

/** What a guarded server lets through. */
export interface RequestGuard {
  /** Whether requests for this name may come in by the connection; undefined: for what is no name. */
  readonly admits: (name: AddressedName) => boolean;
  /** Told of a request that was answered 421. */
  readonly refused: () => void;
}

/** What stands before `server` for the connections of one policy. */
export function guardedServer<Server extends AttachableServer>(server: Server, guard: RequestGuard): Server {
  const refuses = (event: string | symbol, facts: readonly unknown[]): boolean => {
    const isRefused = isMisdirected(event, facts, guard.admits);
    if (isRefused) guard.refused();
    return isRefused;
  };
  const emit = (event: string | symbol, ...facts: unknown[]): boolean => {
    // Typed for strings only, because node's servers have no events that are symbols.
    if (!refuses(event, facts)) return server.emit(event as string, ...facts);
    answer(event, facts);
    return true;
  };
  return Object.create(server, { emit: { value: emit } }) as Server;
}

function isMisdirected(
  event: string | symbol,
  [request, , , rawHeaders]: readonly unknown[],
  admits: RequestGuard['admits'],
): boolean {
  switch (event) {
    case 'request':
    case 'checkContinue':
    case 'checkExpectation':
    case 'upgrade':
    case 'connect':
      // An HTTP/2 request has been looked at as a stream.
      return isHttp1(request) && !admitsRequest(request, admits);
    case 'stream':
      return !authoritiesIn(rawHeaders as string[]).every((authority) => admits(nameOfAuthority(authority)));
    default:
      return false;
  }
}

function isHttp1(request: unknown): request is IncomingMessage {
  return (request as IncomingMessage).httpVersionMajor === 1;
}

function admitsRequest(request: IncomingMessage, admits: RequestGuard['admits']): boolean {
  const target = authorityOfTarget(request);
  if (target === undefined)
    return authoritiesIn(request.rawHeaders).every((authority) => admits(nameOfAuthority(authority)));
  if (!admits(nameOfAuthority(target))) return false;
  overrideHost(request, target);
  return true;
}

function answer(event: string | symbol, [first, second]: readonly unknown[]): void {
  if (event === 'stream') refuseStream(first as ServerHttp2Stream);
  else if (event === 'upgrade' || event === 'connect') refuseUpgrade(second as Duplex);
  else refuseRequest(second as ServerResponse);
}
