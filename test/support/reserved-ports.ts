/**
 * Ports for programs that have to be told theirs. One that was only free a moment ago may be anybody's when it is used:
 * these lie below the range from which systems take the ports of connections and of `listen(0)` (32768 and up), and
 * test processes that run side by side leave them to each other, because a listener holds each block of them.
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

const LOWEST = 12_000;
const BLOCKS = 2_500;
/** The first port of a block is the one that holds it. */
const BLOCK_SIZE = 8;
const ATTEMPTS = 100;

/** Ports that nobody else is given. */
export interface ReservedPorts {
  readonly ports: readonly number[];
  /** Lets others have them. */
  readonly release: () => Promise<void>;
}

/** Reserves up to seven ports, on which nobody listens at 127.0.0.1. */
export async function reservePorts(count: number): Promise<ReservedPorts> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const first = LOWEST + BLOCK_SIZE * Math.floor(Math.random() * BLOCKS);
    const [holder, ...others] = await Promise.all(
      Array.from({ length: count + 1 }, (_, index) => listener(first + index)),
    );
    const isFree = holder !== undefined && others.every((server) => server !== undefined);
    await Promise.all([...others, ...(isFree ? [] : [holder])].map(closed));
    if (!isFree) continue;
    return {
      ports: Array.from({ length: count }, (_, index) => first + 1 + index),
      release: () => closed(holder),
    };
  }
  throw new Error(`Found no ${count} free ports in ${ATTEMPTS} attempts.`);
}

async function listener(port: number): Promise<Server | undefined> {
  const server = createServer().listen(port, '127.0.0.1');
  return once(server, 'listening').then(
    () => server,
    () => undefined,
  );
}

async function closed(server: Server | undefined): Promise<void> {
  if (server?.listening !== true) return;
  const closing = once(server, 'close');
  server.close();
  await closing;
}
