// Pebble for all the tests of a file.
import { afterAll, beforeAll } from '@jest/globals';
import { type Pebble, type PebbleOptions, startPebble } from '../../support/pebble.js';

/** Called once at the top of a test file; `started` is called when it is there. */
export function sharedPebble(started: (pebble: Pebble) => void, options: PebbleOptions = {}): void {
  let pebble: Pebble | undefined;
  beforeAll(async () => {
    pebble = await startPebble(options);
    started(pebble);
  });
  afterAll(async () => {
    await pebble?.stop();
  });
}
