import { describe, expect, it } from '@jest/globals';
import { TlsmithError } from '../../src/errors.js';
import { settled } from '../support/manual-clock.js';
import {
  advanceToNextAttempt,
  event,
  find,
  type Fixture,
  ready,
  renew,
  served,
  started,
  state,
} from './support/managed-fixture.js';
import { DAY_MS, type Step } from './support/scripted-issuer.js';

const { signal } = new AbortController();
const DOWN: Step = { fail: new Error('the CA is down') };

function revoke({ source }: Fixture): Promise<void> {
  return source.revoke('a.test', { signal });
}

/** The same storage, after the process has ended. */
async function restarted(before: Fixture, script: readonly Step[] = []): Promise<Fixture> {
  await before.source.close?.();
  return started({ storage: before.storage, clock: before.clock, script });
}

/** One that has been renewed: what it was before is kept. */
async function renewed(script: readonly Step[]): Promise<{ fixture: Fixture; ids: string[] }> {
  const fixture = await started({ script: ['issue', 'issue', ...script] });
  const first = await served(fixture);
  await fixture.clock.advance(DAY_MS);
  await renew(fixture);
  return { fixture, ids: [first.id, (await served(fixture)).id] };
}

describe('A certificate that is revoked', () => {
  it('is replaced, and named as the predecessor of what replaces it', async () => {
    const fixture = await started();
    const first = await served(fixture);
    await revoke(fixture);
    expect((await served(fixture)).id).not.toBe(first.id);
    expect(fixture.issuer.revoked.map(({ id }) => id)).toContain(first.id);
    expect(fixture.issuer.requests).toHaveLength(2);
    expect(fixture.issuer.requests[1]?.previous?.id).toBe(first.id);
  });

  it('is replaced at once after a restart, and revoked again in case it was not', async () => {
    const before = await started({ script: ['issue', DOWN] });
    const first = await served(before);
    await expect(revoke(before)).rejects.toThrow('the CA is down');
    const after = await restarted(before);
    await before.clock.advance(120_000);
    await event(after.host, 'renewed');
    expect((await served(after)).id).not.toBe(first.id);
    expect(after.issuer.revoked.map(({ id }) => id)).toEqual([first.id]);
    await ready(after);
    // Once it is replaced, nobody thinks of it any more.
    const later = await restarted(after);
    await later.clock.advance(DAY_MS);
    expect(later.issuer.requests).toEqual([]);
  });

  it('gives way to the one before it while no other can be had, also after a restart', async () => {
    const { fixture, ids } = await renewed([DOWN, DOWN]);
    await expect(revoke(fixture)).rejects.toThrow('the CA is down');
    expect((await served(fixture)).id).toBe(ids[0]);
    const after = await restarted(fixture, [DOWN]);
    expect((await served(after)).id).toBe(ids[0]);
    await advanceToNextAttempt(after);
    await event(after.host, 'failed');
    expect((await served(after)).id).toBe(ids[0]);
    await advanceToNextAttempt(after);
    await event(after.host, 'renewed');
    expect(ids).not.toContain((await served(after)).id);
    expect(after.issuer.requests[0]?.previous?.id).toBe(ids[1]);
  });

  it('serves on when the one before it was revoked as well, or has expired', async () => {
    const { fixture, ids } = await renewed([]);
    await revoke(fixture);
    fixture.issuer.script.push(DOWN);
    const second = await served(fixture);
    await expect(revoke(fixture)).rejects.toThrow('the CA is down');
    expect((await served(fixture)).id).toBe(second.id);
    expect(ids).not.toContain(second.id);
  });

  it('is told to other processes, which replace it when this one does not', async () => {
    const fixture = await started({ script: ['issue', DOWN] });
    const other = await started({ storage: fixture.storage, clock: fixture.clock });
    const first = await served(other);
    await expect(revoke(fixture)).rejects.toThrow('the CA is down');
    await fixture.source.close?.();
    await fixture.clock.advance(120_000);
    await event(other.host, 'renewed');
    expect((await served(other)).id).not.toBe(first.id);
    expect(other.issuer.requests).toHaveLength(1);
  });

  it('stays as it is when the issuer refuses', async () => {
    const fixture = await started();
    const first = await served(fixture);
    fixture.issuer.revocationFault = new TlsmithError('ACME_REFUSED', 'not yours', { status: 403 });
    await expect(revoke(fixture)).rejects.toMatchObject({ code: 'ACME_REFUSED' });
    const after = await restarted(fixture);
    await after.clock.advance(DAY_MS);
    expect(find(after)).toMatchObject({ id: first.id });
    expect(after.issuer.requests).toEqual([]);
    expect(state(after).attempts).toBe(0);
  });

  it('is not replaced while the issuer has not answered, by this process or another', async () => {
    const fixture = await started();
    const other = await started({ storage: fixture.storage, clock: fixture.clock });
    await served(other);
    let answer = (): void => undefined;
    fixture.issuer.revocationFault = new Promise<void>((resolve) => (answer = resolve));
    const revoking = revoke(fixture);
    await fixture.clock.advance(1_000);
    await settled();
    expect([fixture.issuer.requests.length, other.issuer.requests.length]).toEqual([1, 0]);
    await other.source.close?.();
    // Others take over after a while, in case this one has died.
    await fixture.clock.advance(60_000);
    await settled();
    expect(fixture.issuer.requests).toHaveLength(1);
    expect(fixture.issuer.revoked).toHaveLength(1);
    answer();
    await revoking;
    expect(fixture.issuer.requests).toHaveLength(2);
  });

  it('counts as revoked when it is not known what has become of it', async () => {
    const fixture = await started();
    const first = await served(fixture);
    fixture.issuer.revocationFault = new TlsmithError('ACME_UNREACHABLE', 'no answer');
    await expect(revoke(fixture)).rejects.toMatchObject({ code: 'ACME_UNREACHABLE' });
    await event(fixture.host, 'renewed');
    expect((await served(fixture)).id).not.toBe(first.id);
  });

  it('is one that is there', async () => {
    const fixture = await started({ script: [DOWN] });
    await event(fixture.host, 'failed');
    await expect(revoke(fixture)).rejects.toMatchObject({ code: 'NAME_NOT_MANAGED' });
    await expect(fixture.source.revoke('b.test', { signal })).rejects.toMatchObject({
      code: 'NAME_NOT_MANAGED',
      message: expect.stringContaining('b.test'),
    });
  });
});
