// Pebble behind a front, for all the tests of a file; before each of them nothing was asked, and nothing is scripted.
import { afterAll, beforeAll, beforeEach } from '@jest/globals';
import { type Pebble, type PebbleOptions, startPebble } from '../../support/pebble.js';
import { type PebbleFront, startPebbleFront } from '../../support/pebble-front.js';

/** What is there once the tests begin. */
export interface FrontedPebble {
  readonly pebble: Pebble;
  readonly front: PebbleFront;
}

/** Called once at the top of a test file; `started` is called when both are there. */
export function frontedPebble(
  started: (authority: FrontedPebble) => void,
  options: PebbleOptions = {},
): void {
  let authority: FrontedPebble | undefined;
  beforeAll(async () => {
    const pebble = await startPebble(options);
    authority = { pebble, front: await startPebbleFront(pebble) };
    started(authority);
  });
  beforeEach(() => {
    authority?.front.reset();
  });
  afterAll(async () => {
    await authority?.front.stop();
    await authority?.pebble.stop();
  });
}
