import { describe, expect, it } from '@jest/globals';
import { FailedHandshakes } from '../src/failed-handshakes.js';
import { RepeatedLog } from '../src/repeated-log.js';
import { memoryLog, type MemoryLog } from './end-to-end/support/log.js';
import { type ManualClock, manualClock } from './support/manual-clock.js';
import { until } from './support/until.js';

function fixture(): {
  failures: FailedHandshakes;
  repeated: RepeatedLog;
  log: MemoryLog;
  clock: ManualClock;
} {
  const [log, clock] = [memoryLog(), manualClock()];
  const repeated = new RepeatedLog(log.logger, clock);
  return { failures: new FailedHandshakes(repeated), repeated, log, clock };
}

function failure(code: string): { error: Error; remoteAddress: string } {
  return { error: Object.assign(new Error('no words'), { code }), remoteAddress: '192.0.2.1' };
}

describe('failed handshakes', () => {
  it('that come before there are words for them are all told, in their order', async () => {
    const { failures, repeated, log } = fixture();
    failures.add(failure('ERR_SSL_NO_SHARED_CIPHER'));
    for (let count = 0; count < 10; count += 1) failures.add(failure('ECONNRESET'));
    expect(log.lines).toEqual([]);
    await until(() => log.lines.length > 0, 'the first line');
    repeated.close();
    expect(log.lines.map(({ facts }) => [facts['kind'], facts['repeated']])).toEqual([
      ['no_shared_cipher', undefined],
      ['disconnected', undefined],
      ['disconnected', 9],
    ]);
  });

  it('that wait for words when the server is closed are told without them, and leave nothing behind', () => {
    const { failures, repeated, log, clock } = fixture();
    failures.add(failure('ERR_TLS_HANDSHAKE_TIMEOUT'));
    failures.close();
    repeated.close();
    expect(log.lines).toMatchObject([
      { level: 'info', facts: { code: 'HANDSHAKE_TIMEOUT', remoteAddress: '192.0.2.1' } },
    ]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('are held back within bounds', () => {
    const { failures, repeated, log } = fixture();
    for (let count = 0; count < 5_000; count += 1) failures.add(failure('ECONNRESET'));
    failures.close();
    repeated.close();
    expect(log.lines).toHaveLength(2);
    expect(log.lines[1]?.facts['repeated']).toBe(999);
  });
});
