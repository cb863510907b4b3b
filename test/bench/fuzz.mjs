// Spoiled and random inputs through the ClientHello parser and the name grammar.
import { helloFuzz } from './fuzz/hello-fuzz.mjs';
import { nameFuzz } from './fuzz/name-fuzz.mjs';
import { Random } from './support/statistics.mjs';
import { printTable } from './support/table.mjs';

export const title = 'fuzz: ClientHello parser and name grammar';

const INPUTS = 1_000_000;
const LONGEST_RUN_MS = 600_000;
const INPUTS_BETWEEN_CHECKS = 50_000;
const LARGEST_GROWTH_BYTES = 64 * 2 ** 20;
const FAILURES_KEPT = 5;

export async function run({ seed, inputs = INPUTS }) {
  const result = { title, figures: [], failures: [], details: {} };
  const table = [['', 'inputs', 'inputs/s', 'slowest', 'heap growth', 'kinds']];
  for (const [name, prepare] of [
    ['ClientHello', helloFuzz],
    ['names', nameFuzz],
  ]) {
    const judge = await prepare(new Random(seed));
    const outcome = await fuzz(judge, inputs);
    const kinds = [...outcome.kinds]
      .map(([kind, count]) => `${kind} ${((count / outcome.done) * 100).toFixed(1)} %`)
      .join(', ');
    table.push([
      name,
      outcome.done,
      outcome.rate.toFixed(0),
      `${outcome.slowestMs.toFixed(1)} ms`,
      `${(outcome.growthBytes / 2 ** 20).toFixed(1)} MB`,
      kinds,
    ]);
    const wrong = `${name}: inputs handled wrongly or not at all`;
    result.figures.push({ name: wrong, value: outcome.failed + inputs - outcome.done, atMost: 0 });
    result.failures.push(...outcome.failures.map((failure) => `seed ${seed}: ${failure}`));
    result.details[name] = { ...outcome, kinds: Object.fromEntries(outcome.kinds) };
  }
  printTable(table);
  console.log(`  seed ${seed}`);
  return result;
}

async function fuzz(judge, inputs) {
  const outcome = { done: 0, failed: 0, failures: [], kinds: new Map(), slowestMs: 0, growthBytes: 0 };
  const start = performance.now();
  let heapBefore;
  while (outcome.done < inputs && performance.now() - start < LONGEST_RUN_MS) {
    const end = Math.min(inputs, outcome.done + INPUTS_BETWEEN_CHECKS);
    for (; outcome.done < end; outcome.done += 1) judgeOne(judge, outcome);
    await new Promise((resolve) => setImmediate(resolve));
    const held = heldBytes();
    heapBefore ??= held;
    outcome.growthBytes = Math.max(outcome.growthBytes, held - heapBefore);
  }
  outcome.rate = (outcome.done / (performance.now() - start)) * 1000;
  if (outcome.done < inputs)
    outcome.failures.push(`only ${outcome.done} inputs within ${LONGEST_RUN_MS / 1000} s`);
  if (outcome.growthBytes > LARGEST_GROWTH_BYTES)
    outcome.failures.push(`the heap grew by ${outcome.growthBytes} bytes`);
  return outcome;
}

function judgeOne(judge, outcome) {
  const start = performance.now();
  try {
    const kind = judge();
    outcome.kinds.set(kind, (outcome.kinds.get(kind) ?? 0) + 1);
  } catch (error) {
    outcome.failed += 1;
    if (outcome.failures.length < FAILURES_KEPT) outcome.failures.push(error.message);
  }
  outcome.slowestMs = Math.max(outcome.slowestMs, performance.now() - start);
}

function heldBytes() {
  global.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
