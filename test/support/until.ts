// The one way in which tests wait for what they cannot be told of.

/**
 * How long anything real may take: a process, a disk, a handshake. It only bounds what would never come, so it is
 * far longer than a busy machine needs, and shorter than jest's own limit, which does not say what was waited for. In the environment, `TEST_PATIENCE_MS` shortens it.
 */
export const PATIENCE_MS = Number(process.env['TEST_PATIENCE_MS'] ?? 90_000);

/** Turns of the event loop before a wait begins to leave the processor to others. */
const EAGER_TURNS = 100;
const PAUSE_MS = 5;

/** Waits until `condition` holds; fails after {@link PATIENCE_MS}. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what = 'the condition',
): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  for (let turn = 0; !(await condition()); turn += 1) {
    if (Date.now() > deadline) throw new Error(`Waited in vain for ${what}.`);
    await (turn < EAGER_TURNS ? nextTurn() : pause());
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}
