import { describe, expect, it } from '@jest/globals';
import type { Credential } from '../../src/credential/credential.js';
import type { Finding } from '../../src/credential/findings.js';
import { answering, credentialFor, credentialLike, resolverOver, sourceOf } from './support/sources.js';

const DAY_MS = 86_400_000;

describe('round 1, a name is known', () => {
  it('takes the first source in order that has a certificate in date', async () => {
    const [first, second] = [await credentialFor('a.test'), await credentialFor('a.test')];
    const { resolver } = resolverOver([sourceOf(), sourceOf(first), sourceOf(second)]);
    expect(resolver.find('a.test')).toBe(first);
  });

  it('answers at once, without a promise, when the sources do', async () => {
    const credential = await credentialFor('a.test');
    expect(resolverOver([sourceOf(credential)]).resolver.find('a.test')).toBe(credential);
    expect(resolverOver([sourceOf(credential)]).resolver.find('b.test')).toBeUndefined();
  });

  it('passes over an expired certificate when a later source has one in date', async () => {
    const expired = await credentialLike({
      names: ['a.test'],
      notBefore: Date.now() - 9 * DAY_MS,
      notAfter: Date.now() - DAY_MS,
    });
    const valid = await credentialFor('a.test');
    const { resolver, findings } = resolverOver([sourceOf(expired), sourceOf(valid)]);
    expect(resolver.find('a.test')).toBe(valid);
    expect(findings).toEqual([]);
  });

  it('serves the one that was valid longest, loudly, when all are out of date', async () => {
    const older = await credentialLike({
      names: ['a.test'],
      notBefore: Date.now() - 9 * DAY_MS,
      notAfter: Date.now() - 5 * DAY_MS,
    });
    const newer = await credentialLike({
      names: ['a.test'],
      notBefore: Date.now() - 9 * DAY_MS,
      notAfter: Date.now() - DAY_MS,
    });
    for (const order of [
      [older, newer],
      [newer, older],
    ]) {
      const { resolver, findings } = resolverOver(order.map((credential) => sourceOf(credential)));
      expect(resolver.find('a.test')).toBe(newer);
      expect(findings.map(({ code }) => code)).toEqual(['TLS_CERT_EXPIRED']);
    }
  });

  it('says so when the only match is not valid yet', async () => {
    const future = await credentialLike({
      names: ['a.test'],
      notBefore: Date.now() + DAY_MS,
      notAfter: Date.now() + 9 * DAY_MS,
    });
    const { resolver, findings } = resolverOver([sourceOf(future)]);
    expect(resolver.find('a.test')).toBe(future);
    expect(findings.map(({ code }) => code)).toEqual(['TLS_CERT_NOT_YET_VALID']);
  });

  it('serves an answer that does not cover the name only for want of any that does', async () => {
    const foreign = await credentialFor('b.test');
    const expired = await credentialLike({
      names: ['a.test'],
      notBefore: Date.now() - 9 * DAY_MS,
      notAfter: Date.now() - DAY_MS,
    });
    const alone = resolverOver([answering(() => foreign)]);
    expect(alone.resolver.find('a.test')).toBe(foreign);
    expect(alone.findings.map(({ code }) => code)).toEqual(['SOURCE_ANSWER_INVALID']);
    expect(resolverOver([answering(() => foreign), sourceOf(expired)]).resolver.find('a.test')).toBe(expired);
    expect(resolverOver([sourceOf(expired), answering(() => foreign)]).resolver.find('a.test')).toBe(expired);
  });

  it('waits for a source that answers later, and asks it once for all who wait', async () => {
    const credential = await credentialFor('a.test');
    let asked = 0;
    const { resolver } = resolverOver([
      answering(() => {
        asked += 1;
        return Promise.resolve(credential);
      }),
    ]);
    await expect(Promise.all([resolver.find('a.test'), resolver.find('a.test')])).resolves.toEqual([
      credential,
      credential,
    ]);
    expect(asked).toBe(1);
    await expect(Promise.resolve(resolver.find('a.test'))).resolves.toBe(credential);
    expect(asked).toBe(2);
  });

  it('goes on with the next source when a later answer is nothing, or lesser', async () => {
    const expired = await credentialLike({
      names: ['a.test'],
      notBefore: Date.now() - 9 * DAY_MS,
      notAfter: Date.now() - DAY_MS,
    });
    const valid = await credentialFor('a.test');
    const nothing = answering(() => Promise.resolve(undefined));
    const lesser = answering(() => Promise.resolve(expired));
    await expect(
      Promise.resolve(resolverOver([nothing, sourceOf(valid)]).resolver.find('a.test')),
    ).resolves.toBe(valid);
    await expect(
      Promise.resolve(resolverOver([lesser, sourceOf(valid)]).resolver.find('a.test')),
    ).resolves.toBe(valid);
    await expect(Promise.resolve(resolverOver([lesser, nothing]).resolver.find('a.test'))).resolves.toBe(
      expired,
    );
  });

  it('passes over sources that are not ready when no more clients may wait', async () => {
    const credential = await credentialFor('a.test');
    const never = answering(() => ({ pending: new Promise<Credential>(() => undefined) }));
    const { resolver } = resolverOver([never, sourceOf(credential)]);
    expect(resolver.find('a.test', { mayWait: false })).toBe(credential);
  });
});

describe('round 2, no name or an unknown one', () => {
  it('prefers a certificate for the address the client connected to', async () => {
    const [first, byAddress] = [await credentialFor('a.test'), await credentialFor('127.0.0.1')];
    const { resolver } = resolverOver([sourceOf(first), sourceOf(byAddress)], { defaultName: 'a.test' });
    expect(resolver.default('127.0.0.1')).toBe(byAddress);
    expect(resolver.default('::ffff:127.0.0.1')).toBe(byAddress);
    expect(resolver.default('127.0.0.2')).toBe(first);
    expect(resolver.default('fe80::1%eth0')).toBe(first);
    expect(resolver.default(undefined)).toBe(first);
  });

  it('does not take an answer for the address that does not cover it', async () => {
    const [foreign, own] = [await credentialFor('b.test'), await credentialFor('a.test')];
    const all = answering(() => foreign);
    const later = answering(() => Promise.resolve(foreign));
    expect(resolverOver([all, sourceOf(own)]).resolver.default('127.0.0.1')).toBe(own);
    await expect(
      Promise.resolve(resolverOver([later, sourceOf(own)]).resolver.default('127.0.0.1')),
    ).resolves.toBe(own);
  });

  it('takes defaultName next, then the first source that has a default', async () => {
    const [a, b] = [await credentialFor('a.test'), await credentialFor('b.test')];
    expect(
      resolverOver([sourceOf(a), sourceOf(b)], { defaultName: 'b.test' }).resolver.default(undefined),
    ).toBe(b);
    expect(resolverOver([sourceOf(a), sourceOf(b)]).resolver.default(undefined)).toBe(a);
    expect(resolverOver([answering(() => undefined), sourceOf(b)]).resolver.default(undefined)).toBe(b);
    expect(resolverOver([sourceOf(a)], { defaultName: 'gone.test' }).resolver.default(undefined)).toBe(a);
    expect(resolverOver([sourceOf()]).resolver.default(undefined)).toBeUndefined();
  });

  it('waits for defaults that come later', async () => {
    const credential = await credentialFor('a.test');
    const later = { name: 'later', find: () => undefined, default: () => Promise.resolve(credential) };
    const nothing = { name: 'nothing', find: () => undefined, default: () => Promise.resolve(undefined) };
    await expect(Promise.resolve(resolverOver([nothing, later]).resolver.default(undefined))).resolves.toBe(
      credential,
    );
    expect(resolverOver([later]).resolver.default(undefined, { mayWait: false })).toBeUndefined();
    const byName = resolverOver([answering(() => Promise.resolve(undefined)), sourceOf(credential)], {
      defaultName: 'gone.test',
    });
    await expect(Promise.resolve(byName.resolver.default(undefined))).resolves.toBe(credential);
    const known = resolverOver([answering(() => Promise.resolve(credential))], { defaultName: 'a.test' });
    await expect(Promise.resolve(known.resolver.default(undefined))).resolves.toBe(credential);
  });

  it('says nothing of a function that answers the same for its address, too', async () => {
    const foreign = await credentialFor('b.test');
    for (const answer of [foreign, Promise.resolve(foreign)]) {
      const source = { name: 'same', find: () => answer, default: () => foreign };
      const { resolver, findings } = resolverOver([source]);
      await expect(Promise.resolve(resolver.default('127.0.0.1'))).resolves.toBe(foreign);
      expect(findings).toEqual([]);
    }
  });

  it('asks for an address without certificate once in five seconds, and anew when certificates change', async () => {
    const credential = await credentialFor('127.0.0.1');
    const asked: string[] = [];
    const answers: Credential[] = [];
    const source = answering(({ serverName }) => {
      asked.push(serverName);
      return Promise.resolve(answers[0]);
    });
    const { resolver, clock } = resolverOver([source]);
    await Promise.all([resolver.default('127.0.0.1'), resolver.default('127.0.0.1')]);
    await resolver.default('127.0.0.1');
    expect(asked).toEqual(['127.0.0.1']);
    await clock.advance(5_000);
    await resolver.default('127.0.0.1');
    expect(asked).toHaveLength(2);
    answers.push(credential);
    resolver.changed();
    expect(resolver.default('127.0.0.1', { mayWait: false })).toBeUndefined();
    await expect(Promise.resolve(resolver.default('127.0.0.1'))).resolves.toBe(credential);
  });
});

describe('what is told of a lesser certificate', () => {
  it('names its source, and is taken back when the name is answered well or not at all', async () => {
    const foreign = await credentialFor('b.test');
    const resolved: Finding[] = [];
    const answers: (Credential | undefined)[] = [foreign, await credentialFor('a.test'), foreign, undefined];
    const { resolver, findings } = resolverOver([answering(() => answers.shift(), 'function')], {
      resolved: (finding) => resolved.push(finding),
    });
    await resolver.find('a.test');
    expect(findings).toMatchObject([{ code: 'SOURCE_ANSWER_INVALID', source: 'function' }]);
    await resolver.find('a.test');
    expect(resolved).toHaveLength(1);
    await resolver.find('a.test');
    await resolver.find('a.test');
    expect(resolved).toEqual(findings);
  });

  it('is taken back when certificates change, and told again if it still holds', async () => {
    const expired = await credentialLike({
      names: ['a.test'],
      notBefore: Date.now() - 9 * DAY_MS,
      notAfter: Date.now() - DAY_MS,
    });
    const resolved: Finding[] = [];
    const { resolver, findings } = resolverOver([sourceOf(expired)], {
      resolved: (finding) => resolved.push(finding),
    });
    await resolver.find('a.test');
    resolver.changed();
    expect(resolved).toEqual(findings);
    await resolver.find('a.test');
    expect(findings).toMatchObject([
      { code: 'TLS_CERT_EXPIRED', source: 'test' },
      { code: 'TLS_CERT_EXPIRED', source: 'test' },
    ]);
  });
});
