/** Connections of ACME validators (RFC 8737): each gets the certificate of the challenge that is open for its name, here or elsewhere. */
import type { Socket } from 'node:net';
import type { Credential } from '../credential/credential.js';
import { challengeServerFor } from './challenge-server.js';
import type { Challenges } from './challenges.js';
import type { ClientHello } from './client-hello.js';
import { hold } from './held-connection.js';
import { printable } from './printable-name.js';
import type { Refusals } from './refusals.js';

/** Answers validators. */
export class Validators {
  readonly #challenges: Challenges;
  readonly #refusals: Refusals;

  constructor(challenges: Challenges, refusals: Refusals) {
    this.#challenges = challenges;
    this.#refusals = refusals;
  }

  /** Takes a connection whose ClientHello has been pushed back. */
  accept(socket: Socket, hello: ClientHello): void {
    const challenges = this.#challenges;
    const credential = challenges.credentialFor(hello.serverName);
    const elsewhere = credential === undefined ? challenges.credentialElsewhere(hello.serverName) : undefined;
    if (elsewhere === undefined) {
      this.#answer(socket, hello, credential);
      return;
    }
    hold(socket, elsewhere, {
      goOn: (found) => {
        this.#answer(socket, hello, found);
      },
      failed: (error) => {
        this.#refusals.fail(socket, error);
      },
    });
  }

  #answer(socket: Socket, hello: ClientHello, credential: Credential | undefined): void {
    if (credential === undefined) {
      this.#refusals.refuse(socket, 'unrecognized_name', {
        code: 'SERVER_NAME_UNKNOWN',
        reason: 'an ACME validator asked for a name that no challenge is open for',
        serverName: printable(hello.serverName),
      });
      return;
    }
    challengeServerFor(credential).emit('connection', socket);
  }
}
