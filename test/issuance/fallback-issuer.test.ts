import { describe, expect, it } from '@jest/globals';
import type { AcmeIssuer } from '../../src/issuance/acme-issuer.js';
import { withFallback } from '../../src/issuance/fallback-issuer.js';
import { silentLogger } from '../../src/logger.js';
import { type ManualClock, manualClock } from '../support/manual-clock.js';
import { HOUR_MS, type ScriptedIssuer, scriptedIssuer, type Step } from './support/scripted-issuer.js';

const { signal } = new AbortController();

interface Pair {
  readonly first: ScriptedIssuer;
  readonly second: ScriptedIssuer;
  readonly both: AcmeIssuer;
  readonly clock: ManualClock;
}

function pair(script: readonly Step[], secondScript: readonly Step[] = []): Pair {
  const clock = manualClock();
  const first = scriptedIssuer({ clock, id: 'first' });
  const second = scriptedIssuer({ clock, id: 'second' });
  first.script.push(...script);
  second.script.push(...secondScript);
  const both = withFallback(asAcme(first), asAcme(second), { clock, logger: silentLogger });
  return { first, second, both, clock };
}

function asAcme(issuer: ScriptedIssuer): AcmeIssuer {
  return Object.assign(issuer, {
    revoke: () => Promise.resolve(),
    rollOverAccountKey: () => Promise.resolve(),
  });
}

function attempt({ both }: Pair, failures: number, previousIssuer?: string) {
  return both.issue({
    ...{ names: ['a.test'], signal, failures },
    ...(previousIssuer === undefined ? {} : { previousIssuer }),
  });
}

const DOWN: Step = { fail: new Error('down') };

describe('A fallback', () => {
  it('is asked at the third failure in a row, in the same attempt', async () => {
    const made = pair([DOWN, DOWN, DOWN]);
    await expect(attempt(made, 0)).rejects.toThrow('down');
    await expect(attempt(made, 1)).rejects.toThrow('down');
    expect(made.second.requests).toEqual([]);
    expect(await attempt(made, 2)).toMatchObject({ issuerId: 'second' });
    expect(made.first.requests).toHaveLength(3);
  });

  it('is not asked while the first one issues, which the next renewal begins with again', async () => {
    const made = pair(['issue', DOWN, 'issue']);
    expect(await attempt(made, 0)).not.toHaveProperty('issuerId');
    await attempt(made, 2);
    expect(await attempt(made, 0, 'second')).not.toHaveProperty('issuerId');
    expect(made.second.requests).toHaveLength(1);
  });

  it.each([
    ['a long wait', { retryAfter: Date.now() + 24 * HOUR_MS }],
    ['a pause', { isHeld: true }],
    ['a refusal for good', { isPermanent: true }],
  ])('is asked at once for %s, and alone until that is over', async (_what, facts) => {
    const made = pair([{ fail: Object.assign(new Error('no'), facts, { code: 'X' }) }]);
    made.first.script.length = 0;
    const { TlsmithError } = await import('../../src/errors.js');
    made.first.script.push({ fail: new TlsmithError('ACME_REFUSED', 'no', facts) });
    expect(await attempt(made, 0)).toMatchObject({ issuerId: 'second' });
    expect(await attempt(made, 0)).toMatchObject({ issuerId: 'second' });
    expect(made.first.requests).toHaveLength(1);
    made.clock.jump(25 * HOUR_MS);
    expect(await attempt(made, 0)).not.toHaveProperty('issuerId');
  });

  it('is told that the certificate to be replaced is not its own', async () => {
    const made = pair([DOWN, DOWN]);
    await attempt(made, 2);
    await attempt(made, 2, 'second');
    expect(made.second.requests.map(({ previousIssuer }) => previousIssuer)).toEqual(['first', 'second']);
  });

  it('that fails as well is told of, and only what both forbid is forbidden', async () => {
    const { TlsmithError } = await import('../../src/errors.js');
    const refusal = new TlsmithError('ACME_RATE_LIMITED', 'too many', {
      retryAfter: Date.now() + 24 * HOUR_MS,
    });
    const made = pair([{ fail: refusal }], [DOWN]);
    const error = await attempt(made, 0).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'ACME_RATE_LIMITED',
      message: expect.stringMatching(/too many.*fallback.*down/s) as unknown,
    });
    expect(error).not.toHaveProperty('retryAfter');
  });
});
