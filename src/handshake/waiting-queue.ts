/**
 * The connections that wait for a credential which is not there yet: bounded, and no name may take all the room, so
 * that one whose source hangs does not turn away the clients of others.
 */
import { normalizeServerName } from '../credential/server-name.js';
import type { ClientHello } from './client-hello.js';

/** What clients without a server name wait for; no server name is empty. */
export const NO_NAME = '';

/** How many connections may wait. */
export const LONGEST_QUEUE = 1_000;
/** How many of them may wait for the same name. */
export const LONGEST_QUEUE_FOR_A_NAME = 500;

/** Counts who waits, and for what. */
export class WaitingQueue {
  readonly #byName = new Map<string, number>();
  #length = 0;

  /** How many connections wait. */
  get length(): number {
    return this.#length;
  }

  /** Whether one more may wait for this name; empty for clients without one. */
  hasRoomFor(name: string): boolean {
    // Below the share of a single name nothing has to be looked up: the hot path.
    if (this.#length < LONGEST_QUEUE_FOR_A_NAME) return true;
    return this.#length < LONGEST_QUEUE && (this.#byName.get(name) ?? 0) < LONGEST_QUEUE_FOR_A_NAME;
  }

  /** Lets one wait. @returns a function to be called when it waits no longer; more calls than one do nothing */
  enter(name: string): () => void {
    let isWaiting = true;
    this.#length += 1;
    this.#byName.set(name, (this.#byName.get(name) ?? 0) + 1);
    return () => {
      if (!isWaiting) return;
      isWaiting = false;
      this.#length -= 1;
      const left = (this.#byName.get(name) as number) - 1;
      if (left === 0) this.#byName.delete(name);
      else this.#byName.set(name, left);
    };
  }
}

/** Under which name a connection waits: variants of spelling share one. */
export function queueNameOf({ serverName }: Pick<ClientHello, 'serverName'>): string {
  return normalizeServerName(serverName ?? NO_NAME) ?? NO_NAME;
}
