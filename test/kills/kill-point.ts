/**
 * One kill -9 at one step of issuance or renewal, the process that comes after it, and the judgement: what is served,
 * which account there is, and how many orders the authority has taken.
 */
import {
  accountsSince,
  type Course,
  HOUR_MS,
  invalidated,
  type KillPoint,
  type Lane,
  lineOf,
  newPlace,
  ordersSince,
  type Place,
  removePlace,
  type Run,
  run,
  servedBy,
  wordAfter,
} from './kill-process.js';

/** Longer than an authority's word to renew at once is kept waiting. */
const NEXT_RENEWAL_MS = 2 * HOUR_MS;

/** Everything that is there before the course begins. */
export async function begin(lane: Lane, course: Course): Promise<Place> {
  const place = await newPlace(course);
  if (course.kind === 'issuance') return place;
  return { ...place, serial: servedBy(await run(lane, course, place)), aheadMs: NEXT_RENEWAL_MS };
}

/** How many steps and requests the course has when nobody is killed. */
export async function length(lane: Lane, course: Course): Promise<{ steps: number; requests: number }> {
  const place = await begin(lane, course);
  const before = lane.front.requests.length;
  const undisturbed = await run(lane, course, place);
  await removePlace(place);
  servedBy(undisturbed);
  return {
    steps: undisturbed.lines.filter((line) => line.startsWith('step ')).length,
    requests: lane.front.requests.length - before,
  };
}

/** What was found at one point. */
export interface Verdict {
  readonly wasKilled: boolean;
  readonly orders: number;
  /** Why there may be a second order, if there is one: nobody could know of the first, or the authority gave it up. */
  readonly excuse: 'unknown' | 'given up' | undefined;
  readonly faults: readonly string[];
  /** What both processes have said, for whoever looks for the reason of a fault. */
  readonly story: readonly string[];
  /** Where the next renewal can be, if all is well here. */
  readonly next: Place | undefined;
}

/** Kills at `point`, starts again, and judges. */
export async function killAt(lane: Lane, course: Course, point: KillPoint, place: Place): Promise<Verdict> {
  const from = lane.front.requests.length;
  const invalidBefore = invalidated(lane);
  const killed = await run(lane, course, place, { point });
  const isUnknown = ordersSince(lane, from) > 0 && !killed.lines.some((line) => ORDER_STORED.test(line));
  const after = await run(lane, course, place);
  const orders = ordersSince(lane, from);
  const accounts = accountsSince(lane, from);
  const faults = faultsOf({ killed, after, serial: place.serial });
  const isGivenUp = invalidated(lane) > invalidBefore;
  const excuse = isUnknown ? 'unknown' : isGivenUp ? 'given up' : undefined;
  const mostOrders = excuse === undefined ? 1 : 2;
  if (orders > mostOrders) faults.push(`${orders} orders where ${mostOrders} would do`);
  if (accounts > (course.kind === 'issuance' ? 1 : 0)) faults.push(`${accounts} accounts were made`);
  const serial = wordAfter('served', after.lines);
  const isGood = faults.length === 0 && course.kind === 'renewal';
  if (!isGood) await removePlace(place);
  return {
    ...{ wasKilled: killed.wasKilled, orders, faults },
    excuse: orders > 1 ? excuse : undefined,
    story: [...killed.lines, '-- after --', ...after.lines],
    next: isGood ? { ...place, serial, aheadMs: place.aheadMs + NEXT_RENEWAL_MS } : undefined,
  };
}

const ORDER_STORED = / after put acme\/[^ ]*\/orders\//;
const PAIR_STORED = / after put managed\/[^ ]*\/current$/;
const ACCOUNT_STORED = / after put acme\/[^ ]*\/account$/;

function faultsOf({
  killed,
  after,
  serial,
}: {
  killed: Run;
  after: Run;
  serial: string | undefined;
}): string[] {
  const faults: string[] = [];
  const isStored = killed.lines.some((line) => PAIR_STORED.test(line));
  const [, state, served] = lineOf('listening', after.lines);
  if ((serial !== undefined || isStored) && state !== 'valid')
    faults.push(`a pair was stored, and ${state ?? 'nothing'} is served`);
  const seen = wordAfter('handshake', after.lines);
  const last = wordAfter('served', after.lines);
  if (state === 'valid' && seen !== served && seen !== last)
    faults.push(`${served ?? ''} is stored, ${seen ?? 'nothing'} is served`);
  if (after.wasKilled) faults.push('the process after it did not end');
  if (last === undefined || last === serial) faults.push('there was no new certificate in the end');
  const key = wordAfter('account', killed.lines);
  if (killed.lines.some((line) => ACCOUNT_STORED.test(line)) && key !== wordAfter('kept', after.lines))
    faults.push('the account has another key');
  const failed = after.lines.find((line) => line.startsWith('failed '));
  if (failed !== undefined) faults.push(`the process after it has ${failed}`);
  return faults;
}
