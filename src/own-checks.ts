/**
 * The connections that a server makes to itself, to see that a new certificate is what clients get: made, let in where
 * only listed peers are, and told from those of clients.
 */
import type { Socket } from 'node:net';
import type { AddressList } from './address-list.js';
import { servedDiffers, servedFor } from './served-check.js';
import type { ListenerAddress } from './sources/certificate-source.js';

/** What is expected of a check. */
export interface OwnCheck {
  readonly serverName: string;
  readonly fingerprint256: string;
  readonly listener: ListenerAddress;
}

/** The PROXY header (version 1) of a proxy that speaks for itself. */
const OWN_HEADER = 'PROXY UNKNOWN\r\n';

/** Makes checks, and knows their connections. */
export class OwnChecks {
  readonly #proxies: AddressList | undefined;
  /** The client ends of open checks. */
  readonly #ends = new Set<string>();
  /** The checks that may be connected at the other end and do not know it yet. */
  readonly #connecting = new Set<Promise<void>>();

  /** @param proxies - the peers that have to send a PROXY header; this machine may be one of them */
  constructor(proxies: AddressList | undefined) {
    this.#proxies = proxies;
  }

  /**
   * Shakes hands with the server.
   * @throws {@link TlsmithError} `SERVED_CERTIFICATE_DIFFERS`
   */
  async verify({ serverName, fingerprint256, listener }: OwnCheck): Promise<void> {
    const ends: string[] = [];
    let connected = (): void => undefined;
    const connecting = new Promise<void>((resolve) => (connected = resolve));
    this.#connecting.add(connecting);
    try {
      const { isServed, served } = await servedFor(serverName, fingerprint256, {
        listener,
        onConnect: (socket) => {
          const end = endOf(socket.localAddress, socket.localPort);
          ends.push(end);
          this.#ends.add(end);
          connected();
          if (this.#proxies?.has(socket.localAddress) === true) socket.write(OWN_HEADER);
        },
      });
      if (!isServed) throw servedDiffers(serverName, fingerprint256, served);
    } finally {
      connected();
      this.#connecting.delete(connecting);
      for (const end of ends) this.#ends.delete(end);
    }
  }

  /** Whether an accepted connection, of which something has been read, is one of them. */
  isOne(socket: Socket): boolean {
    return this.#ends.size > 0 && this.#ends.has(endOf(socket.remoteAddress, socket.remotePort));
  }

  /** The same of a connection just accepted, whose other end perhaps does not know it yet; `false` without any check. */
  willBeOne(socket: Socket): false | Promise<boolean> {
    if (this.#connecting.size === 0) return false;
    return Promise.all(this.#connecting).then(() => this.isOne(socket));
  }
}

function endOf(address: string | undefined, port: number | undefined): string {
  return `${address ?? ''} ${port ?? ''}`;
}
