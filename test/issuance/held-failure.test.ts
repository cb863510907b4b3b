// A failure that waits for a person: no timer tries again, renew() and a restart do.
import { describe, expect, it } from '@jest/globals';
import { TlsmithError } from '../../src/errors.js';
import { event, renew, started, state, unstarted } from './support/managed-fixture.js';
import { DAY_MS } from './support/scripted-issuer.js';

const paused = (): { fail: TlsmithError } => ({
  fail: new TlsmithError('ACME_PAUSED', 'paused', { isHeld: true }),
});

describe('A failure that waits for a person', () => {
  it('is not tried again by any timer, and nobody is told of a next try', async () => {
    const fixture = await started({ script: [paused()] });
    await fixture.clock.advance(60 * DAY_MS);
    expect(fixture.issuer.requests).toHaveLength(1);
    expect(state(fixture)).toMatchObject({
      attempts: 1,
      isFailed: false,
      lastError: { code: 'ACME_PAUSED' },
    });
    expect(state(fixture).nextAttempt).toBeUndefined();
    expect(await event(fixture.host, 'failed')).not.toHaveProperty('nextAttempt');
  });

  it('is tried again when somebody asks', async () => {
    const fixture = await started({ script: [paused()] });
    await renew(fixture);
    expect(state(fixture)).toMatchObject({ attempts: 0 });
    expect(fixture.issuer.requests.map(({ isForced }) => isForced)).toEqual([undefined, true]);
  });

  it('is tried again after a restart, by the ladder', async () => {
    const before = await started({ script: [paused()] });
    await before.source.close?.();
    const { storage, clock } = before;
    const after = unstarted({ storage, clock });
    await after.source.start?.(after.host);
    expect(after.issuer.requests).toHaveLength(0);
    await clock.advance(2 * 60_000);
    await event(after.host, 'issued');
    expect(after.issuer.requests).toHaveLength(1);
  });
});
