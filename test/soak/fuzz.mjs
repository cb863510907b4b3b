/**
 * The fuzzers of `npm run bench -- fuzz` in turns, until they have had ten million inputs in all. Each turn has a seed of
 * its own, made of `--seed` and its number: a run that was ended is taken up with `--from`, and a failure is repeated by
 * starting with the turn that it is told with.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { FUZZERS, rowOf } from '../bench/fuzz.mjs';
import { runFuzz } from '../bench/fuzz/run-fuzz.mjs';
import { builtPackage } from '../bench/support/built-package.mjs';
import { Random } from '../bench/support/statistics.mjs';
import { printTable } from '../bench/support/table.mjs';

export const title = 'fuzz: everything that reads what strangers send, and what stands in files';

const INPUTS = 10_000_000;
const LONGEST_MS = 3_600_000;
const INPUTS_IN_A_TURN = 500_000;
/** Keeps the seeds of turns apart. */
const STRIDE = 0x9e3779b9;

/** @param options.size - how many inputs; @param options.from - the turn to begin with */
export async function run({ seed, size = INPUTS, from = 0 }) {
  setFlagsFromString('--expose-gc');
  global.gc = runInNewContext('gc');
  const { entry } = builtPackage();
  const end = performance.now() + LONGEST_MS;
  const sums = new Map(FUZZERS.map(([name]) => [name, emptySum()]));
  const failures = [];
  let done = 0;
  let turn = from;
  for (; done < size && performance.now() < end; turn += 1) {
    for (const [name, prepare, share] of FUZZERS) {
      const judge = await prepare(new Random((seed + turn * STRIDE) >>> 0), { entry });
      const began = performance.now();
      const inputs = Math.ceil(Math.min(INPUTS_IN_A_TURN, size) * share.soak);
      const outcome = await runFuzz(judge, { inputs, longestMs: Math.max(1_000, end - began) });
      add(sums.get(name), outcome, performance.now() - began);
      done += outcome.done;
      failures.push(...outcome.failures.map((failure) => `turn ${turn}, ${name}: ${failure}`));
    }
    console.log(`  turn ${turn}: ${done} inputs, ${failures.length} failures`);
  }
  printTable([
    ['', 'inputs', 'inputs/s', 'slowest', 'heap growth', 'kinds'],
    ...[...sums].map(([name, sum]) => rowOf(name, { ...sum, rate: (sum.done / sum.ms) * 1000 })),
  ]);
  console.log(`  to go on: --seed ${seed} --from ${turn}`);
  if (done < size) failures.push(`only ${done} inputs in an hour`);
  return { figures: { inputs: done, 'handled wrongly': failures.length }, failures };
}

function emptySum() {
  return { done: 0, ms: 0, slowestMs: 0, growthBytes: 0, kinds: new Map() };
}

function add(sum, { done, slowestMs, growthBytes, kinds }, ms) {
  sum.done += done;
  sum.ms += ms;
  sum.slowestMs = Math.max(sum.slowestMs, slowestMs);
  sum.growthBytes = Math.max(sum.growthBytes, growthBytes);
  for (const [kind, count] of kinds) sum.kinds.set(kind, (sum.kinds.get(kind) ?? 0) + count);
}
