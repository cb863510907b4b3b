/**
 * Where the jitter of schedules comes from. Passed along so that a simulation can be repeated exactly; keys and serial
 * numbers never come from here.
 */
import { randomInt } from 'node:crypto';

const STEPS = 2 ** 32;

/** A number in [0, 1). */
export type RandomShare = () => number;

/** One that nobody can foresee. */
export const drawnShare: RandomShare = () => randomInt(0, STEPS) / STEPS;
