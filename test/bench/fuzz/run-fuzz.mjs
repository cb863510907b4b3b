// Runs one fuzzer for so many inputs, or so long, and watches time and memory.

const INPUTS_BETWEEN_CHECKS = 50_000;
const LARGEST_GROWTH_BYTES = 64 * 2 ** 20;
const FAILURES_KEPT = 5;
const AT_ONCE = 32;

/** @param judge - sync, or async with `close` */
export async function runFuzz(judge, { inputs, longestMs }) {
  const outcome = { done: 0, failed: 0, failures: [], kinds: new Map(), slowestMs: 0, growthBytes: 0 };
  const start = performance.now();
  const isOver = () => outcome.done >= inputs || performance.now() - start > longestMs;
  // What is thrown is caught here: where it came from is only asked when it is repeated by its seed.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  let heapBefore;
  try {
    while (!isOver()) {
      const end = Math.min(inputs, outcome.done + INPUTS_BETWEEN_CHECKS);
      if (judge.close === undefined) runSync(judge, { end, outcome, isOver });
      else
        await Promise.all(Array.from({ length: AT_ONCE }, () => runAsync(judge, { end, outcome, isOver })));
      await new Promise((resolve) => setImmediate(resolve));
      const held = heldBytes();
      heapBefore ??= held;
      outcome.growthBytes = Math.max(outcome.growthBytes, held - heapBefore);
    }
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
    await judge.close?.();
  }
  outcome.rate = (outcome.done / (performance.now() - start)) * 1000;
  if (outcome.growthBytes > LARGEST_GROWTH_BYTES)
    outcome.failures.push(`the heap grew by ${outcome.growthBytes} bytes`);
  return outcome;
}

function runSync(judge, { end, outcome, isOver }) {
  for (; outcome.done < end && !(outcome.done % 1_000 === 0 && isOver()); outcome.done += 1) {
    const began = performance.now();
    try {
      count(outcome, judge());
    } catch (error) {
      fail(outcome, error);
    }
    outcome.slowestMs = Math.max(outcome.slowestMs, performance.now() - began);
  }
}

async function runAsync(judge, { end, outcome, isOver }) {
  while (outcome.done < end && !isOver()) {
    outcome.done += 1;
    const began = performance.now();
    try {
      count(outcome, await judge());
    } catch (error) {
      fail(outcome, error);
    }
    outcome.slowestMs = Math.max(outcome.slowestMs, performance.now() - began);
  }
}

function count(outcome, kind) {
  outcome.kinds.set(kind, (outcome.kinds.get(kind) ?? 0) + 1);
}

function fail(outcome, error) {
  outcome.failed += 1;
  if (outcome.failures.length < FAILURES_KEPT) outcome.failures.push(error.message);
}

function heldBytes() {
  global.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
