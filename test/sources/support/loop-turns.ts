/** How often a short interval had its turn while `work` went on. */
export async function countingTurns(work: () => Promise<void>): Promise<number> {
  let turns = 0;
  const interval = setInterval(() => {
    turns += 1;
  }, 5);
  try {
    await work();
  } finally {
    clearInterval(interval);
  }
  return turns;
}
