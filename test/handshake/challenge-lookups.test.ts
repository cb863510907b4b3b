import { describe, expect, it } from '@jest/globals';
import { createCredential } from '../../src/credential/credential.js';
import { Challenges } from '../../src/handshake/challenges.js';
import type { ChallengeLookup, ChallengeQuestion } from '../../src/sources/certificate-source.js';
import { testCa } from '../support/certificates.js';
import { manualClock, settled } from '../support/manual-clock.js';

const TOKEN = 'a-token-of-sixteen-characters';
const silent: ChallengeLookup = () => new Promise(() => undefined);

describe('a challenge that is open elsewhere', () => {
  it('is looked up only where there is somebody to ask', () => {
    const challenges = new Challenges();
    expect(challenges.mayBeElsewhere('a.test')).toBe(false);
    expect(challenges.credentialElsewhere('a.test')).toBeUndefined();
    expect(challenges.keyAuthorizationElsewhere(TOKEN)).toBeUndefined();
    const end = challenges.addLookup(silent);
    expect(challenges.mayBeElsewhere('a.test')).toBe(true);
    expect(challenges.credentialElsewhere('a.test')).toBeDefined();
    end();
    expect(challenges.mayBeElsewhere('a.test')).toBe(false);
  });

  it('is asked for as it is stored, and only if it can be a name or a token at all', async () => {
    const asked: ChallengeQuestion[] = [];
    const challenges = new Challenges();
    challenges.addLookup((question) => {
      asked.push(question);
      return Promise.resolve(undefined);
    });
    expect(challenges.credentialElsewhere('../x')).toBeUndefined();
    expect(challenges.mayBeElsewhere('../x')).toBe(false);
    expect(challenges.credentialElsewhere(undefined)).toBeUndefined();
    for (const token of ['short', `../${TOKEN}`, 'x'.repeat(201)]) {
      expect(challenges.keyAuthorizationElsewhere(token)).toBeUndefined();
    }
    expect(await challenges.credentialElsewhere('A.Test.')).toBeUndefined();
    expect(await challenges.keyAuthorizationElsewhere(TOKEN)).toBeUndefined();
    expect(await challenges.keyAuthorizationElsewhere(TOKEN, 'a.test')).toBeUndefined();
    expect(asked).toEqual([
      { type: 'tls-alpn-01', identifier: 'a.test' },
      { type: 'http-01', token: TOKEN },
      { type: 'http-01', token: TOKEN, host: 'a.test' },
    ]);
  });

  it('is what the first who knows it says, whatever the others do', async () => {
    const credential = await pair();
    const challenges = new Challenges(manualClock());
    challenges.addLookup(silent);
    challenges.addLookup(() => Promise.reject(new Error('storage is gone')));
    challenges.addLookup(({ type }) =>
      Promise.resolve(
        type === 'http-01'
          ? { type, token: TOKEN, keyAuthorization: 'authorization' }
          : { type, identifier: 'a.test', credential },
      ),
    );
    expect(await challenges.keyAuthorizationElsewhere(TOKEN)).toBe('authorization');
    expect((await challenges.credentialElsewhere('a.test'))?.id).toBe(createCredential(credential).id);
  });

  it('is guessed where nobody knows it, by the first who guesses', async () => {
    const clock = manualClock();
    const challenges = new Challenges(clock);
    const answer = (keyAuthorization: string, isGuess: boolean): ChallengeLookup => {
      return () => Promise.resolve({ type: 'http-01', token: TOKEN, keyAuthorization, isGuess });
    };
    challenges.addLookup(answer('a guess', true));
    challenges.addLookup(answer('another', true));
    expect(await challenges.keyAuthorizationElsewhere(TOKEN, 'a.test')).toBe('a guess');
    const end = challenges.addLookup(silent);
    const late = challenges.keyAuthorizationElsewhere(TOKEN, 'a.test');
    await clock.advance(4_000);
    expect(await late).toBe('a guess');
    end();
    challenges.addLookup(answer('the answer', false));
    expect(await challenges.keyAuthorizationElsewhere(TOKEN, 'a.test')).toBe('the answer');
  });

  it('is nothing when what is known of it is no pair, or of another type', async () => {
    const challenges = new Challenges();
    const end = challenges.addLookup(() =>
      Promise.resolve({ type: 'tls-alpn-01', identifier: 'a.test', credential: { cert: 'x', key: 'y' } }),
    );
    expect(await challenges.credentialElsewhere('a.test')).toBeUndefined();
    expect(await challenges.keyAuthorizationElsewhere(TOKEN)).toBeUndefined();
    end();
    challenges.addLookup(() => Promise.resolve({ type: 'http-01', token: TOKEN, keyAuthorization: 'x' }));
    expect(await challenges.credentialElsewhere('a.test')).toBeUndefined();
  });

  it('is given up after four seconds', async () => {
    const clock = manualClock();
    const challenges = new Challenges(clock);
    challenges.addLookup(silent);
    const found = challenges.keyAuthorizationElsewhere(TOKEN);
    await clock.advance(4_000);
    expect(await found).toBeUndefined();
    expect(clock.pendingTimers).toBe(0);
  });

  it('costs one look-up for all who ask at the same time, and a hundred in all', async () => {
    let asked = 0;
    const challenges = new Challenges(manualClock());
    challenges.addLookup(() => {
      asked += 1;
      return new Promise(() => undefined);
    });
    for (let client = 0; client < 50; client += 1) void challenges.credentialElsewhere('a.test');
    await settled();
    expect(asked).toBe(1);
    for (let client = 0; client < 200; client += 1) void challenges.credentialElsewhere(`n${client}.test`);
    await settled();
    expect(asked).toBe(100);
    expect(await challenges.credentialElsewhere('one-too-many.test')).toBeUndefined();
  });
});

async function pair(): Promise<{ cert: string; key: string }> {
  return (await testCa({ name: 'challenge' })).issue({ names: ['a.test'], issuer: 'self' });
}
