/** All the points at which somebody can be killed, spread over some authorities that work side by side. */
import {
  type Course,
  killAt,
  type KillPoint,
  type Lane,
  length,
  openLane,
  type Verdict,
} from './kill-point.js';

/** How much is swept. */
export interface SweepOptions {
  readonly courses: readonly Course[];
  readonly lanes: number;
  /** Every so many-th point. */
  readonly stride: number;
  readonly lane: Pick<Lane, 'command' | 'library'>;
  /** Told of each point that was judged, with what was wrong there. */
  readonly told?: (done: number, of: number, faults: readonly string[]) => void;
}

/** What was found. */
export interface SweepReport {
  readonly points: number;
  /** Points at which there was nothing to kill any more: a look at storage more or less. */
  readonly missed: number;
  readonly orders: number;
  /** Points with two orders, where there may be. */
  readonly doubled: number;
  readonly faults: readonly string[];
}

interface Task {
  readonly course: Course;
  readonly point: KillPoint;
}

export async function sweep({ courses, lanes, stride, lane, told }: SweepOptions): Promise<SweepReport> {
  const open = await Promise.all(Array.from({ length: lanes }, () => openLane(lane)));
  try {
    const tasks: Task[] = [];
    for (const course of courses) tasks.push(...pointsOf(course, await length(open[0]!, course)));
    const chosen = tasks.filter((_, index) => index % stride === 0);
    const found: { readonly task: Task; readonly verdict: Verdict }[] = [];
    const rest = [...chosen];
    const work = async (one: Lane): Promise<void> => {
      for (let task = rest.shift(); task !== undefined; task = rest.shift()) {
        const verdict = await killAt(one, task.course, task.point);
        found.push({ task, verdict });
        told?.(found.length, chosen.length, verdict.faults);
      }
    };
    await Promise.all(open.map(work));
    const verdicts = found.map(({ verdict }) => verdict);
    return {
      points: verdicts.filter(({ wasKilled }) => wasKilled).length,
      missed: verdicts.filter(({ wasKilled }) => !wasKilled).length,
      orders: verdicts.reduce((sum, { orders }) => sum + orders, 0),
      doubled: verdicts.filter(({ orders }) => orders > 1).length,
      faults: found.flatMap(({ task, verdict }) =>
        verdict.faults.map((fault) => `${nameOf(task)}: ${fault}`),
      ),
    };
  } finally {
    await Promise.all(open.map((one) => one.stop()));
  }
}

function pointsOf(course: Course, { steps, requests }: { steps: number; requests: number }): Task[] {
  const storage = Array.from({ length: steps }, (_, index) => ({ at: 'storage', step: index + 1 }) as const);
  const network = Array.from({ length: requests }, (_, index) =>
    [false, true].map((isAnswered) => ({ at: 'network', request: index + 1, isAnswered }) as const),
  );
  return [...storage, ...network.flat()].map((point) => ({ course, point }));
}

function nameOf({ course, point }: Task): string {
  return JSON.stringify({ ...course, ...point });
}
