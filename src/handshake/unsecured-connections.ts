/**
 * The connections whose handshake is not complete: in the hello, waiting for a credential, or in the handshake. They are
 * bounded, in all and for each address, so that strangers who begin handshakes and leave them cannot fill the memory.
 * Nobody is turned away for it: who has waited longest makes room, so that a new client is always served.
 */

/** How many connections may be without a complete handshake. */
export const MOST_UNSECURED = 4_000;
/** How many of them may come from one address. */
export const MOST_UNSECURED_OF_AN_ADDRESS = 2_000;

/** Knows who is without a complete handshake, and since when in relation to the others. */
export class UnsecuredConnections<Socket> {
  /** With their addresses, the oldest first. */
  readonly #addresses = new Map<Socket, string | undefined>();
  /** How many come from each address; only kept while a single one could have too many. */
  #counts: Map<string | undefined, number> | undefined;

  /** How many there are. */
  get size(): number {
    return this.#addresses.size;
  }

  /** Adds a connection; answers another one that has to make room for it. */
  enter(socket: Socket, address: string | undefined): Socket | undefined {
    this.#addresses.set(socket, address);
    // Below the share of a single address nothing has to be counted: the hot path.
    if (this.#addresses.size <= MOST_UNSECURED_OF_AN_ADDRESS) return undefined;
    this.#counts ??= this.#countExcept(socket);
    const count = (this.#counts.get(address) ?? 0) + 1;
    this.#counts.set(address, count);
    if (count > MOST_UNSECURED_OF_AN_ADDRESS) return this.#take(this.#oldestOf(address));
    if (this.#addresses.size > MOST_UNSECURED)
      return this.#take(this.#addresses.keys().next().value as Socket);
    return undefined;
  }

  /** Forgets a connection that has completed its handshake or has closed; more calls than one do nothing. */
  leave(socket: Socket): void {
    if (this.#counts === undefined) this.#addresses.delete(socket);
    else this.#take(socket);
  }

  #take(socket: Socket): Socket {
    const counts = this.#counts as Map<string | undefined, number>;
    const address = this.#addresses.get(socket);
    if (this.#addresses.delete(socket)) {
      const left = (counts.get(address) as number) - 1;
      if (left === 0) counts.delete(address);
      else counts.set(address, left);
    }
    if (this.#addresses.size < MOST_UNSECURED_OF_AN_ADDRESS) this.#counts = undefined;
    return socket;
  }

  #countExcept(newest: Socket): Map<string | undefined, number> {
    const counts = new Map<string | undefined, number>();
    for (const [socket, address] of this.#addresses)
      if (socket !== newest) counts.set(address, (counts.get(address) ?? 0) + 1);
    return counts;
  }

  #oldestOf(address: string | undefined): Socket {
    // It has too many: they are not far to seek.
    const all = this.#addresses.entries();
    let [socket, other] = all.next().value as [Socket, string | undefined];
    while (other !== address) [socket, other] = all.next().value as [Socket, string | undefined];
    return socket;
  }
}
