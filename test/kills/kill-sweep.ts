/** All the points at which somebody can be killed, spread over some authorities that work side by side. */
import { begin, killAt, length, type Verdict } from './kill-point.js';
import { type Course, type KillPoint, type Lane, openLane, type Place, removePlace } from './kill-process.js';

/** How much is swept. */
export interface SweepOptions {
  readonly courses: readonly Course[];
  readonly lanes: number;
  /** Every so many-th point, beginning with this one. */
  readonly stride: number;
  readonly from?: number;
  readonly lane: Pick<Lane, 'command' | 'library'>;
  /** Told of each point that was judged. */
  readonly told?: (progress: Progress) => void;
}

/** A point that was judged. */
export interface Progress {
  readonly done: number;
  readonly of: number;
  readonly faults: readonly string[];
  /** What was said there, if something was wrong. */
  readonly story: readonly string[];
}

/** What was found. */
export interface SweepReport {
  readonly points: number;
  /** Points at which there was nothing to kill any more: a look at storage more or less. */
  readonly missed: number;
  readonly orders: number;
  /** Points with a second order because the first was taken and not yet stored. */
  readonly unknown: number;
  /** Points with a second order because the authority gave the first one up: nobody answered its validation. */
  readonly givenUp: number;
  readonly faults: readonly string[];
}

interface Task {
  readonly course: Course;
  readonly point: KillPoint;
}

export async function sweep({
  courses,
  lanes,
  stride,
  from = 0,
  lane,
  told,
}: SweepOptions): Promise<SweepReport> {
  const open = await Promise.all(Array.from({ length: lanes }, () => openLane(lane)));
  try {
    const tasks = (await Promise.all(open.map((one, index) => measured(one, courses, index, lanes)))).flat();
    const chosen = tasks.filter((_, index) => index >= from && (index - from) % stride === 0);
    const found: { readonly task: Task; readonly verdict: Verdict }[] = [];
    const rest = [...chosen];
    const work = async (one: Lane): Promise<void> => {
      const places = new Map<Course, Place>();
      for (let task = rest.shift(); task !== undefined; task = rest.shift()) {
        const place = places.get(task.course) ?? (await begin(one, task.course));
        const verdict = await killAt(one, task.course, task.point, place);
        places.delete(task.course);
        if (verdict.next !== undefined) places.set(task.course, verdict.next);
        found.push({ task, verdict });
        const faults = faultsOf(task, verdict);
        told?.({
          done: found.length,
          of: chosen.length,
          faults,
          story: faults.length > 0 ? verdict.story : [],
        });
      }
      await Promise.all([...places.values()].map(removePlace));
    };
    await Promise.all(open.map(work));
    const verdicts = found.map(({ verdict }) => verdict);
    return {
      points: verdicts.filter(({ wasKilled }) => wasKilled).length,
      missed: verdicts.filter(({ wasKilled }) => !wasKilled).length,
      orders: verdicts.reduce((sum, { orders }) => sum + orders, 0),
      unknown: verdicts.filter(({ excuse }) => excuse === 'unknown').length,
      givenUp: verdicts.filter(({ excuse }) => excuse === 'given up').length,
      faults: [...found.flatMap(({ task, verdict }) => faultsOf(task, verdict)), ...open.flatMap(miscounted)],
    };
  } finally {
    await Promise.all(open.map((one) => one.stop()));
  }
}

/** All points of every so many-th course, one course after the other: they have the lane to themselves. */
async function measured(
  lane: Lane,
  courses: readonly Course[],
  first: number,
  step: number,
): Promise<readonly Task[]> {
  const tasks: Task[] = [];
  for (let index = first; index < courses.length; index += step) {
    const course = courses[index]!;
    tasks.push(...pointsOf(course, await length(lane, course)));
  }
  return tasks;
}

function pointsOf(course: Course, { steps, requests }: { steps: number; requests: number }): Task[] {
  const storage = Array.from({ length: steps }, (_, index) => ({ at: 'storage', step: index + 1 }) as const);
  const network = Array.from({ length: requests }, (_, index) =>
    [false, true].map((isAnswered) => ({ at: 'network', request: index + 1, isAnswered }) as const),
  );
  return [...storage, ...network.flat()].map((point) => ({ course, point }));
}

/** All orders of a lane, by the authority's own log. */
function miscounted({ pebble, front }: Lane): string[] {
  const answered = front.orders.filter(({ status }) => status === 201).length;
  const logged = pebble.orders();
  return answered === logged ? [] : [`the authority has logged ${logged} orders, and answered ${answered}`];
}

function faultsOf({ course, point }: Task, { faults }: Verdict): readonly string[] {
  return faults.map((fault) => `${JSON.stringify({ ...course, ...point })}: ${fault}`);
}
