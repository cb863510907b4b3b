import { describe, expect, it } from '@jest/globals';
import { RepeatedLog } from '../src/repeated-log.js';
import { manualClock } from './support/manual-clock.js';

const FIVE_MINUTES_MS = 300_000;

describe('a flood of log lines', () => {
  it('becomes the first of them and one summary in five minutes, with the latest as a sample', async () => {
    const { log, lines, clock } = fixture();
    for (let count = 0; count < 1_000; count += 1) log.write('warn', 'kind', [{ count }, `line ${count}`]);
    expect(lines).toEqual([['warn', 'line 0', { count: 0 }]]);
    await clock.advance(FIVE_MINUTES_MS);
    expect(lines).toHaveLength(2);
    expect(lines[1]).toEqual([
      'warn',
      expect.stringContaining('line 999 (999 times more'),
      { count: 999, repeated: 999 },
    ]);
    await clock.advance(FIVE_MINUTES_MS * 3);
    expect(lines).toHaveLength(2);
    log.write('warn', 'kind', [{}, 'again']);
    expect(lines).toHaveLength(3);
    log.close();
    expect(clock.pendingTimers).toBe(0);
  });

  it('of many kinds is bounded, too', async () => {
    const { log, lines, clock } = fixture();
    for (let kind = 0; kind < 10_000; kind += 1) log.write('info', `kind ${kind}`, [{}, 'line']);
    expect(lines.length).toBeLessThanOrEqual(200);
    expect(clock.pendingTimers).toBeLessThanOrEqual(200);
    await clock.advance(FIVE_MINUTES_MS);
    expect(lines.length).toBeLessThanOrEqual(201);
    log.close();
  });

  it('is summed up when the log is closed', () => {
    const { log, lines } = fixture();
    log.write('error', 'kind', [{}, 'one']);
    log.write('error', 'kind', [{}, 'two']);
    log.close();
    expect(lines.map(([, message]) => message)).toEqual([
      'one',
      expect.stringContaining('two (1 times more'),
    ]);
  });

  function fixture(): { log: RepeatedLog; lines: unknown[][]; clock: ReturnType<typeof manualClock> } {
    const lines: unknown[][] = [];
    const write =
      (level: string) =>
      (facts: object, message: string): void => {
        lines.push([level, message, facts]);
      };
    const clock = manualClock();
    const logger = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
    return { log: new RepeatedLog(logger, clock), lines, clock };
  }
});
