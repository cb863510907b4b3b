/**
 * A server that crashes each time that it is started, at some step or just after it has served: how many orders and
 * accounts that makes. It is not killed between an order and the storing of its URL, nor while it is validated: there
 * nobody could know better.
 */
import { seededRandom } from '../simulation/seeded-random.js';
import {
  accountsSince,
  type Course,
  type Lane,
  newPlace,
  openLane,
  ordersSince,
  removePlace,
  run,
  wordAfter,
} from './kill-process.js';

const COURSE: Course = { kind: 'issuance', challenge: 'tls-alpn-01', names: 1 };
/** More than an issuance has: one drawn beyond lets it come to its end. */
const MOST_STEPS = 60;
/** What the first restarts come to, one after the other; those after them come to any step. */
const MOMENTS = [
  String.raw`after put probe/`,
  String.raw`after put acme/[^ ]*/account$`,
  String.raw`before release acme/[^ ]*/account-lock`,
  String.raw`before put acme/[^ ]*/challenges/`,
  String.raw`after put acme/[^ ]*/challenges/`,
  String.raw`before put managed/[^ ]*/current`,
  String.raw`during put managed/[^ ]*/current`,
  String.raw`before release managed/`,
];
const SPARED = [
  String.raw`(?:before|during) put acme/[^ ]*/orders/`,
  // The validation may have begun by the time that it dies.
  String.raw`during put acme/[^ ]*/challenges/`,
].join('|');

/** What came of it. */
export interface CrashReport {
  readonly restarts: number;
  /** How many of them had a certificate when they began. */
  readonly loaded: number;
  readonly orders: number;
  readonly accounts: number;
  readonly faults: readonly string[];
}

export interface CrashOptions {
  readonly restarts: number;
  readonly seed: number;
  readonly lane: Pick<Lane, 'command' | 'library'>;
}

export async function crashLoop({ restarts, seed, lane: program }: CrashOptions): Promise<CrashReport> {
  const lane = await openLane(program);
  const random = seededRandom(seed);
  const place = await newPlace(COURSE);
  const faults: string[] = [];
  const serials = new Set<string>();
  let loaded = 0;
  try {
    for (let restart = 0; restart < restarts; restart += 1) {
      const moment = MOMENTS[restart];
      const step = 1 + Math.floor(random() * MOST_STEPS);
      const when = moment === undefined ? { point: { at: 'storage', step } as const } : { moment };
      const { lines, wasKilled } = await run(lane, COURSE, place, {
        ...{ ...when, spared: SPARED, diesInTheEnd: true },
      });
      if (!wasKilled) faults.push(`restart ${restart} did not crash:\n${lines.join('\n')}`);
      const failed = lines.find((line) => line.startsWith('failed '));
      if (failed !== undefined) faults.push(`restart ${restart} ${failed}`);
      const serial = wordAfter('served', lines);
      if (serial !== undefined) serials.add(serial);
      if (lines.some((line) => line.startsWith('listening valid'))) loaded += 1;
    }
    const last = await run(lane, COURSE, place);
    serials.add(wordAfter('served', last.lines) ?? 'nothing');
    if (serials.size !== 1) faults.push(`these were served: ${[...serials].join(', ')}`);
    return { restarts, loaded, orders: ordersSince(lane, 0), accounts: accountsSince(lane, 0), faults };
  } finally {
    await lane.stop();
    await removePlace(place);
  }
}
