import { type Clock, systemClock } from '../../src/clock.js';

/** What takes at least this is a wait between two polls, and not one for a second change. */
const POLL_MS = 500;

/** The system's clock, but that no poll ever comes: what is noticed has been notified. */
export const withoutPolls: Clock = {
  ...systemClock,
  setTimeout: (callback, delayMs) =>
    delayMs < POLL_MS ? systemClock.setTimeout(callback, delayMs) : setTimeout(() => undefined, 0),
};
