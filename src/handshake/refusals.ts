/** Connections that do not get as far as a handshake: what they are told, and what is told of them. */
import type { Socket } from 'node:net';
import type { Clock } from '../clock.js';
import { normalizeServerName } from '../credential/server-name.js';
import type { TlsmithErrorCode } from '../errors.js';
import { type AlertName, alertOf } from './alert.js';
import { LeavingConnections } from './leaving-connections.js';
import { printable } from './printable-name.js';

/** Why a connection did not get as far as a handshake. */
export type RefusalCode = Extract<
  TlsmithErrorCode,
  | 'CLIENT_HELLO_INVALID'
  | 'CLIENT_HELLO_TIMEOUT'
  | 'CLIENT_HELLO_TOO_LARGE'
  | 'PROXY_HEADER_UNEXPECTED'
  | 'SERVER_NAME_CHANGED'
  | 'SERVER_NAME_INVALID'
  | 'SERVER_NAME_UNKNOWN'
  | 'TLS_PLAIN_HTTP_ON_TLS_PORT'
  | 'TOO_MANY_HANDSHAKES'
  | 'HANDSHAKE_FAILED'
>;

/** Facts for log and metrics about a connection that was turned away. */
export interface RefusalFacts {
  readonly remoteAddress: string | undefined;
  /** The port it came to, where that matters. */
  readonly localPort?: number | undefined;
  readonly reason: string;
  readonly serverName?: string;
  readonly cause?: unknown;
}

/** Told of every connection that is turned away, and why. */
export type Refused = (code: RefusalCode, facts: RefusalFacts) => void;

type OwnFacts = Omit<RefusalFacts, 'remoteAddress'>;

/** Turns connections away. */
export class Refusals {
  readonly #refused: Refused;
  readonly #leaving: LeavingConnections;

  constructor(clock: Clock, refused: Refused) {
    this.#refused = refused;
    this.#leaving = new LeavingConnections(clock);
  }

  /** Tells of it; what becomes of the connection is left to the caller. */
  turnAway(socket: Socket, code: RefusalCode, facts: OwnFacts): void {
    this.#refused(code, { remoteAddress: socket.remoteAddress, ...facts });
  }

  /** Ends it with an alert. */
  refuse(
    socket: Socket,
    alert: AlertName,
    { code, ...facts }: OwnFacts & { readonly code: RefusalCode },
  ): void {
    this.turnAway(socket, code, facts);
    this.#leaving.add(socket, alertOf(alert));
  }

  /** Ends one for whose name, or for whose want of a name, there is no certificate. */
  refuseName(socket: Socket, serverName: string | undefined): void {
    if (serverName === undefined) {
      this.refuse(socket, 'handshake_failure', {
        code: 'SERVER_NAME_UNKNOWN',
        reason: 'the client sent no server name and no source has a default certificate',
      });
      return;
    }
    const isValid = normalizeServerName(serverName) !== undefined;
    this.refuse(socket, 'unrecognized_name', {
      code: isValid ? 'SERVER_NAME_UNKNOWN' : 'SERVER_NAME_INVALID',
      reason: isValid
        ? 'no source has a certificate for this name'
        : 'the server name is neither a DNS name nor an IP address',
      serverName: printable(serverName),
    });
  }

  /** Ends one that something of ours has failed for. */
  fail(socket: Socket, cause: unknown): void {
    this.refuse(socket, 'internal_error', {
      code: 'HANDSHAKE_FAILED',
      reason: 'the TLS server could not take the connection',
      cause,
    });
  }

  /** It has closed. */
  forget(socket: Socket): void {
    this.#leaving.forget(socket);
  }

  /** Ends the timers. */
  close(): void {
    this.#leaving.close();
  }
}
