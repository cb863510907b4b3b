/** The sockets of one server: which are open, where they can be reached, and who wants to know of changes. */
import { isIPv6, type Server } from 'node:net';
import type { ListenerAddress } from '../sources/certificate-source.js';

const WILDCARDS: ReadonlySet<string> = new Set(['0.0.0.0', '::']);
const DEFAULT_PORT = 443;
const MOST_NAMES = 10;

/** Keeps the open listeners. */
export class Listeners {
  readonly #open = new Map<Server, ListenerAddress>();
  readonly #observers = new Set<() => void>();
  /** Whether a server of the application's own may listen for plain HTTP as well. */
  hasRequestListener = false;

  /** The open listeners, in the order they were opened. */
  get addresses(): readonly ListenerAddress[] {
    return [...this.#open.values()];
  }

  /** The port of the first TLS listener on TCP. */
  get httpsPort(): number | undefined {
    return this.addresses.find(({ protocol, port }) => protocol === 'https' && port !== undefined)?.port;
  }

  /** Remembers a server that listens, until it closes. */
  add(server: Server, protocol: ListenerAddress['protocol']): void {
    const address = server.address();
    if (address === null) return;
    const known = this.#open.get(server);
    const opened: ListenerAddress =
      typeof address === 'string'
        ? { protocol, address }
        : { protocol, address: address.address, port: address.port };
    if (known?.address === opened.address && known.port === opened.port) return;
    this.#open.set(server, opened);
    if (known === undefined) this.#forgetOnClose(server);
    this.#notify();
  }

  /** Calls `observer` on every change, until `forgetObservers`. */
  observe(observer: () => void): void {
    this.#observers.add(observer);
  }

  /** Called when the sources are closed. */
  forgetObservers(): void {
    this.#observers.clear();
  }

  #forgetOnClose(server: Server): void {
    const onClose = (): void => {
      // Told to listen again before its 'close' had been emitted.
      if (server.listening) return;
      server.removeListener('close', onClose);
      this.#open.delete(server);
      this.#notify();
    };
    server.on('close', onClose);
  }

  #notify(): void {
    for (const observer of this.#observers) observer();
  }
}

/** The https URLs under which listeners can be reached, given the names of the certificates at hand. */
export function urlsOf(
  addresses: readonly ListenerAddress[],
  { names, publicUrl }: { readonly names: readonly string[]; readonly publicUrl: URL | undefined },
): string[] {
  const local = addresses
    .filter(({ protocol }) => protocol === 'https')
    .flatMap((listener) => listenerUrls(listener, names));
  return [...new Set([...(publicUrl === undefined ? [] : [publicUrl.origin]), ...local])];
}

function listenerUrls({ address, port }: ListenerAddress, names: readonly string[]): string[] {
  if (port === undefined) return [`https+unix:${address}`];
  const suffix = port === DEFAULT_PORT ? '' : `:${port}`;
  return hostsOf(address, names).map((host) => `https://${isIPv6(host) ? `[${host}]` : host}${suffix}`);
}

/** Bound to all addresses, a server is reached by any name of its certificates; bound to one, by that one. */
function hostsOf(address: string, names: readonly string[]): string[] {
  if (!WILDCARDS.has(address)) {
    const isNamed = names.includes(address);
    const isLoopback = address === '127.0.0.1' || address === '::1';
    return !isNamed && isLoopback && names.includes('localhost') ? ['localhost'] : [address];
  }
  const reachable = names.filter((name) => !name.startsWith('*.'));
  return reachable.length === 0 ? ['localhost'] : reachable.slice(0, MOST_NAMES);
}
