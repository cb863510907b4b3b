import { describe, expect, it } from '@jest/globals';
import { SharedChallenges } from '../../src/acme/shared-challenges.js';
import type { ChallengeAnswer, ChallengeLookup, SourceHost } from '../../src/sources/certificate-source.js';
import { memoryStorage } from '../../src/storage/memory-storage.js';
import type { Storage } from '../../src/storage/storage.js';
import { faultyStorage, keysOf } from '../issuance/support/faulty-storage.js';
import { recordingHost, TLS_LISTENER } from '../issuance/support/source-host.js';
import { manualClock, settled } from '../support/manual-clock.js';
import { until } from '../support/until.js';

const ANSWER: ChallengeAnswer = { type: 'http-01', token: 'token-1', keyAuthorization: 'token-1.thumbprint' };

interface Process {
  readonly challenges: SharedChallenges;
  /** What is open in it. */
  readonly open: Set<ChallengeAnswer>;
  readonly lookups: Set<ChallengeLookup>;
}

const GUESS = { type: 'http-01', token: 'token-2', keyAuthorization: 'token-2.mine', isGuess: true };

const guess = (token: string, host: string): Promise<string | undefined> =>
  Promise.resolve(host === 'a.test' ? `${token}.mine` : undefined);

function processOn(storage: Storage, { isRouted }: { isRouted: boolean }): Process {
  const base = recordingHost({ clock: manualClock() });
  if (isRouted) base.listen([TLS_LISTENER]);
  const [open, lookups] = [new Set<ChallengeAnswer>(), new Set<ChallengeLookup>()];
  const host: SourceHost = {
    ...base,
    answer: (answer) => {
      open.add(answer);
      return () => open.delete(answer);
    },
    answerFrom: (lookup) => {
      lookups.add(lookup);
      return () => lookups.delete(lookup);
    },
  };
  return { challenges: new SharedChallenges(host, { storage, authority: 'ca', guess }), open, lookups };
}

describe('Challenges of processes on one storage', () => {
  it('are found by the others from when they are open, until they are taken back', async () => {
    const storage = memoryStorage();
    const [one, other] = [processOn(storage, { isRouted: true }), processOn(storage, { isRouted: true })];
    const [lookup] = other.lookups;
    const takeBack = await one.challenges.open(ANSWER);
    expect([...one.open]).toEqual([ANSWER]);
    expect(await lookup?.(ANSWER)).toEqual(ANSWER);
    takeBack();
    expect(one.open.size).toBe(0);
    await one.challenges.close();
    expect(await lookup?.(ANSWER)).toBeUndefined();
    expect(await keysOf(storage)).toEqual([]);
    expect(one.lookups.size).toBe(0);
  });

  it('are guessed by the account when nobody has stored them, for hosts of ours', async () => {
    const storage = faultyStorage();
    const [lookup] = processOn(storage, { isRouted: true }).lookups;
    await processOn(storage, { isRouted: true }).challenges.open(ANSWER);
    expect(await lookup?.({ ...ANSWER, host: 'a.test' })).toEqual(ANSWER);
    const question = { type: 'http-01', token: 'token-2' } as const;
    expect(await lookup?.({ ...question, host: 'a.test' })).toEqual(GUESS);
    expect(await lookup?.({ ...question, host: 'b.test' })).toBeUndefined();
    expect(await lookup?.(question)).toBeUndefined();
    expect(await lookup?.({ type: 'tls-alpn-01', identifier: 'a.test' })).toBeUndefined();
    storage.interfere = () => {
      throw new Error('gone');
    };
    expect(await lookup?.({ ...question, host: 'a.test' })).toEqual(GUESS);
  });

  it('are not read by those that can look them up', async () => {
    const storage = faultyStorage();
    const reads: string[] = [];
    processOn(storage, { isRouted: true });
    storage.interfere = (operation, key) => {
      if (operation === 'get') reads.push(key);
    };
    await processOn(memoryStorage(), { isRouted: true }).challenges.open(ANSWER);
    await processOn(storage, { isRouted: true }).challenges.open(ANSWER);
    await settled();
    expect(reads).toEqual([]);
  });

  it('are open in advance where no TLS listener is ours, until they are taken back', async () => {
    const storage = memoryStorage();
    const [one, other] = [processOn(storage, { isRouted: true }), processOn(storage, { isRouted: false })];
    const takeBack = await one.challenges.open(ANSWER);
    await until(() => other.open.size === 1);
    expect([...other.open]).toEqual([ANSWER]);
    takeBack();
    await until(() => other.open.size === 0);
    await one.challenges.open(ANSWER);
    await until(() => other.open.size === 1);
    await other.challenges.close();
    expect(other.open.size).toBe(0);
  });

  it('are answered by their own process when storage cannot be written', async () => {
    const storage = faultyStorage();
    storage.interfere = (operation) => {
      if (operation === 'put') throw new Error('full');
    };
    const { challenges, open } = processOn(storage, { isRouted: true });
    const takeBack = await challenges.open(ANSWER);
    expect(open.size).toBe(1);
    takeBack();
    expect(open.size).toBe(0);
    await challenges.close();
  });

  it('are looked up where the storage cannot tell of changes', async () => {
    const storage = faultyStorage(memoryStorage(), { hasWatch: false });
    const { challenges, lookups } = processOn(storage, { isRouted: false });
    expect(lookups.size).toBe(1);
    await challenges.close();
    const broken = faultyStorage();
    broken.watch = () => {
      throw new Error('no change notices');
    };
    expect(processOn(broken, { isRouted: false }).lookups.size).toBe(1);
  });
});
