import { describe, expect, it } from '@jest/globals';
import type { Finding } from '../src/credential/findings.js';
import { silentLogger } from '../src/logger.js';
import { type Emit, Reporter } from '../src/reporter.js';
import { type ManualClock, manualClock } from './support/manual-clock.js';

const FIVE_MINUTES_MS = 300_000;

describe('a finding that handshakes make again and again', () => {
  it('is one finding for whatever names strangers ask for, with the latest as a sample and a count', () => {
    const { reporter, lines, warnings } = reporting();
    for (let name = 0; name < 5_000; name += 1) reporter.reportRecurring(outage(`n${name}.test`));
    expect(reporter.findings).toEqual([{ ...outage('n4999.test'), count: 5_000 }]);
    expect(warnings).toEqual([outage('n0.test')]);
    expect(lines).toHaveLength(1);
  });

  it('never displaces a finding of another kind', () => {
    const { reporter } = reporting();
    const own: Finding = { code: 'TLS_CERT_NO_NAMES', severity: 'warning', source: 'files', message: 'm' };
    reporter.report(own);
    for (let name = 0; name < 5_000; name += 1)
      reporter.reportRecurring({ ...expired(), names: [`n${name}.test`] });
    expect(reporter.findings[0]).toEqual(own);
    expect(reporter.findings.length).toBeLessThan(1_000);
  });

  it('is told at most once more in five minutes, as an event and in the log alike', async () => {
    const { reporter, lines, warnings, clock } = reporting();
    for (let round = 0; round < 3; round += 1) reporter.reportRecurring(outage(`n${round}.test`));
    await clock.advance(FIVE_MINUTES_MS);
    expect(warnings).toHaveLength(2);
    expect(warnings[1]).toMatchObject({
      code: 'SOURCE_FAILED',
      severity: 'error',
      message: expect.stringMatching(/n2\.test.*2 times more/) as unknown,
    });
    expect(lines).toEqual(warnings.map(({ message }) => `error ${message}`));
  });

  it('is forgotten when it stays away for five minutes, so that the next outage is told again', async () => {
    const { reporter, warnings, clock } = reporting();
    reporter.reportRecurring(outage('a.test'));
    await clock.advance(FIVE_MINUTES_MS);
    expect(reporter.findings).toEqual([]);
    reporter.reportRecurring(outage('a.test'));
    expect(reporter.findings).toMatchObject([{ count: 1 }]);
    expect(warnings).toHaveLength(2);
  });

  it('no longer holds when it is taken back, by itself or by its source', () => {
    const { reporter } = reporting();
    reporter.reportRecurring(outage('a.test'));
    reporter.reportRecurring(expired());
    reporter.resolvedRecurring(outage('b.test'));
    expect(reporter.findings).toMatchObject([{ code: 'TLS_CERT_EXPIRED' }]);
    reporter.resolved('TLS_CERT_EXPIRED', { source: 'files', names: ['other.test'] });
    expect(reporter.findings).toHaveLength(1);
    reporter.resolved('TLS_CERT_EXPIRED', { source: 'files' });
    expect(reporter.findings).toEqual([]);
  });

  it('of one source is not taken back by another of the same name', () => {
    const { reporter } = reporting();
    const [one, other] = [{}, {}];
    reporter.report({ ...expired(), message: 'one' }, one);
    reporter.report({ ...expired(), message: 'other' }, other);
    reporter.resolved('TLS_CERT_EXPIRED', { source: 'files', owner: one });
    expect(reporter.findings).toMatchObject([{ message: 'other' }]);
  });

  it('is forgotten at a new start, and leaves no timer when the reporter is closed', () => {
    const { reporter, clock } = reporting();
    reporter.reportRecurring(outage('a.test'));
    reporter.clear();
    expect(reporter.findings).toEqual([]);
    reporter.close();
    expect(clock.pendingTimers).toBe(0);
  });

  function outage(serverName: string): Finding {
    return {
      code: 'SOURCE_FAILED',
      severity: 'error',
      source: 'database',
      message: `Source database was asked for ${serverName} and failed.`,
    };
  }

  function expired(): Finding {
    return {
      code: 'TLS_CERT_EXPIRED',
      severity: 'error',
      source: 'files',
      names: ['a.test'],
      message: 'It has expired.',
    };
  }

  function reporting(): {
    reporter: Reporter;
    lines: string[];
    warnings: Finding[];
    clock: ManualClock;
  } {
    const [lines, warnings, clock]: [string[], Finding[], ManualClock] = [[], [], manualClock()];
    const logger = {
      ...silentLogger,
      warn: (_facts: object, message: string) => void lines.push(`warn ${message}`),
      error: (_facts: object, message: string) => void lines.push(`error ${message}`),
    };
    const emit: Emit = (event, argument) => {
      if (event === 'warning') warnings.push(argument as Finding);
    };
    return { reporter: new Reporter(logger, clock, emit), lines, warnings, clock };
  }
});
