import { describe, expect, it } from '@jest/globals';
import type { AcmeIssuer } from '../../src/issuance/acme-issuer.js';
import type { IssueRequest } from '../../src/issuance/issuer.js';
import { withFallback } from '../../src/issuance/fallback-issuer.js';
import { silentLogger } from '../../src/logger.js';
import { TlsmithError } from '../../src/errors.js';
import { memoryStorage } from '../../src/storage/memory-storage.js';
import type { Storage } from '../../src/storage/storage.js';
import { type ManualClock, manualClock } from '../support/manual-clock.js';
import { HOUR_MS, type ScriptedIssuer, scriptedIssuer, type Step } from './support/scripted-issuer.js';

const { signal } = new AbortController();

interface Pair {
  readonly first: ScriptedIssuer;
  readonly second: ScriptedIssuer;
  readonly both: AcmeIssuer;
  readonly clock: ManualClock;
  readonly storage: Storage;
}

interface Kept {
  readonly clock: ManualClock;
  readonly storage: Storage;
}

function pair(
  script: readonly Step[],
  secondScript: readonly Step[] = [],
  { clock, storage }: Kept = { clock: manualClock(), storage: memoryStorage() },
): Pair {
  const first = scriptedIssuer({ clock, id: 'first' });
  const second = scriptedIssuer({ clock, id: 'second' });
  first.script.push(...script);
  second.script.push(...secondScript);
  const both = withFallback(asAcme(first), asAcme(second), { clock, logger: silentLogger, storage });
  return { first, second, both, clock, storage };
}

function asAcme(issuer: ScriptedIssuer): AcmeIssuer {
  return Object.assign(issuer, {
    revoke: () => Promise.resolve(),
    rollOverAccountKey: () => Promise.resolve(),
  });
}

function attempt({ both }: Pair, failures: number, more: Partial<IssueRequest> = {}) {
  return both.issue({ ...{ names: ['a.test'], signal, failures }, ...more });
}

/** The error with which the attempt fails. */
async function failureOf(made: Pair, more: Partial<IssueRequest> = {}): Promise<TlsmithError> {
  const thrown: unknown = await attempt(made, 0, more).catch((error: unknown) => error);
  if (thrown instanceof TlsmithError) return thrown;
  throw new Error('It did not fail.');
}

function refusal(facts: object): Step {
  return { fail: new TlsmithError('ACME_REFUSED', 'no', { ...facts }) };
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
    expect(await attempt(made, 0, { previousIssuer: 'second' })).not.toHaveProperty('issuerId');
    expect(made.second.requests).toHaveLength(1);
  });

  it.each([
    ['a long wait', { retryAfter: Date.now() + 24 * HOUR_MS }],
    ['a refusal for good', { isPermanent: true }],
  ])('is asked at once for %s, and alone until that is over', async (_what, facts) => {
    const made = pair([refusal(facts)]);
    expect(await attempt(made, 0)).toMatchObject({ issuerId: 'second' });
    expect(await attempt(made, 0)).toMatchObject({ issuerId: 'second' });
    expect(made.first.requests).toHaveLength(1);
    made.clock.jump(25 * HOUR_MS);
    expect(await attempt(made, 0)).not.toHaveProperty('issuerId');
  });

  it('is asked alone where the first has paused, until a person says that it is mended', async () => {
    const made = pair([refusal({ isHeld: true })]);
    expect(await attempt(made, 0)).toMatchObject({ issuerId: 'second' });
    made.clock.jump(1_000 * HOUR_MS);
    expect(await attempt(made, 0)).toMatchObject({ issuerId: 'second' });
    expect(made.first.requests).toHaveLength(1);
    expect(await attempt(made, 0, { isForced: true })).not.toHaveProperty('issuerId');
  });

  it('is asked alone after a restart as well, until the first may be asked', async () => {
    const made = pair([refusal({ retryAfter: Date.now() + 24 * HOUR_MS })]);
    await attempt(made, 0);
    const restarted = pair([], [], made);
    expect(await attempt(restarted, 0, { isForced: true })).toMatchObject({ issuerId: 'second' });
    expect(restarted.first.requests).toEqual([]);
    made.clock.jump(25 * HOUR_MS);
    expect(await attempt(pair([], [], made), 0)).not.toHaveProperty('issuerId');
  });

  it('is asked alone no longer after a restart for what the operator may have mended with it', async () => {
    const made = pair([refusal({ isPermanent: true })]);
    await attempt(made, 0);
    expect(await attempt(pair([], [], made), 0)).not.toHaveProperty('issuerId');
  });

  it('leaves no hold in storage once the first has issued', async () => {
    const made = pair([refusal({ retryAfter: Date.now() + HOUR_MS })]);
    await attempt(made, 0);
    expect(await keysIn(made.storage)).toHaveLength(1);
    made.clock.jump(2 * HOUR_MS);
    await attempt(made, 0);
    expect(await keysIn(made.storage)).toEqual([]);
  });

  it('counts for each certificate by itself', async () => {
    const made = pair([refusal({ retryAfter: Date.now() + 24 * HOUR_MS })]);
    await attempt(made, 0);
    expect(await attempt(made, 0, { names: ['b.test'] })).not.toHaveProperty('issuerId');
  });

  it('is not asked before its own time, while the first goes on failing', async () => {
    const soon = Date.now() + 24 * HOUR_MS;
    const made = pair([DOWN, DOWN, DOWN], [refusal({ retryAfter: soon })]);
    for (let count = 0; count < 2; count += 1) await attempt(made, 2).catch(() => undefined);
    expect(made.first.requests).toHaveLength(2);
    expect(made.second.requests).toHaveLength(1);
  });

  it('is asked again when it allows, where the first refuses for longer', async () => {
    const soon = Date.now() + 6 * HOUR_MS;
    for (const facts of [{ isHeld: true }, { isPermanent: true }, { retryAfter: soon + HOUR_MS }]) {
      const made = pair([refusal(facts)], [refusal({ retryAfter: soon })]);
      expect(await failureOf(made)).toMatchObject({ retryAfter: soon });
      // Nobody is asked before, and that is no failure.
      expect(await failureOf(made)).toMatchObject({ retryAfter: soon, isPostponement: true });
      expect([made.first.requests.length, made.second.requests.length]).toEqual([1, 1]);
    }
  });

  it('and the first one both paused wait for a person', async () => {
    const made = pair([refusal({ isHeld: true })], [refusal({ isHeld: true })]);
    expect(await failureOf(made)).toMatchObject({ isHeld: true });
    const again = await failureOf(made);
    expect(again).toMatchObject({ isHeld: true });
    expect(again).not.toHaveProperty('isPostponement');
  });

  it('is told that the certificate to be replaced is not its own', async () => {
    const made = pair([DOWN, DOWN]);
    await attempt(made, 2);
    await attempt(made, 2, { previousIssuer: 'second' });
    expect(made.second.requests.map(({ previousIssuer }) => previousIssuer)).toEqual(['first', 'second']);
  });

  it('that fails as well is told of, and only what both forbid is forbidden', async () => {
    const limit = new TlsmithError('ACME_RATE_LIMITED', 'too many', {
      retryAfter: Date.now() + 24 * HOUR_MS,
    });
    const made = pair([{ fail: limit }], [DOWN]);
    const error = await failureOf(made);
    expect(error).toMatchObject({
      code: 'ACME_RATE_LIMITED',
      message: expect.stringMatching(/too many.*fallback.*down/s) as unknown,
    });
    expect(error).not.toHaveProperty('retryAfter');
  });
});

async function keysIn(storage: Storage): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const key of storage.list('')) keys.push(key);
  return keys;
}
