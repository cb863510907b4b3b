// What a test opens is closed after it, latest first, also when the test has failed.
import { afterEach } from '@jest/globals';
import { once } from 'node:events';
import type { Server as HttpServer } from 'node:http';
import type { Http2Session } from 'node:http2';
import type { Server, Socket } from 'node:net';
import type { SecureServer } from '../../../src/index.js';

/** Something with an end. */
export type Closable =
  Server | Socket | Http2Session | Pick<SecureServer, 'close' | 'urls'> | (() => Promise<unknown>);

/** Registers what is to be closed after the running test; answers the thing itself. */
export type Keep = <Thing extends Closable>(thing: Thing) => Thing;

/** Called once at the top of a test file. */
export function closesAfterEach(): Keep {
  const kept: Closable[] = [];
  afterEach(async () => {
    for (const thing of kept.splice(0).reverse()) await closed(thing);
  });
  return (thing) => {
    kept.push(thing);
    return thing;
  };
}

async function closed(thing: Closable): Promise<void> {
  if (typeof thing === 'function') {
    await thing();
  } else if ('urls' in thing) {
    await thing.close({ graceMs: 0 });
  } else if ('listen' in thing) {
    if (!thing.listening) return;
    const closing = once(thing, 'close');
    thing.close();
    if ('closeAllConnections' in thing) (thing as HttpServer).closeAllConnections();
    await closing;
  } else if (!thing.destroyed) {
    const closing = once(thing, 'close');
    thing.destroy();
    await closing;
  }
}
