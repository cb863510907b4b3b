import { describe, expect, it } from '@jest/globals';
import type { Credential } from '../../src/credential/credential.js';
import { isPendingAnswer, SOURCE_TIMEOUT_MS } from '../../src/handshake/source-answers.js';
import type { Found } from '../../src/sources/certificate-source.js';
import { testCa } from '../support/certificates.js';
import { answering, credentialFor, resolverOver, sourceOf } from './support/sources.js';

describe('a source', () => {
  it('that throws is reported and passed over', async () => {
    const credential = await credentialFor('a.test');
    const throwing = answering(() => {
      throw new Error('database is down');
    }, 'database');
    const { resolver, findings } = resolverOver([throwing, sourceOf(credential)]);
    expect(resolver.find('a.test')).toBe(credential);
    expect(findings).toEqual([
      expect.objectContaining({
        code: 'SOURCE_FAILED',
        source: 'database',
        message: expect.stringContaining('database is down') as unknown,
      }),
    ]);
  });

  it('that rejects is reported and passed over', async () => {
    const credential = await credentialFor('a.test');
    const rejecting = answering(() => Promise.reject(new Error('refused')));
    const { resolver, findings } = resolverOver([rejecting, sourceOf(credential)]);
    await expect(Promise.resolve(resolver.find('a.test'))).resolves.toBe(credential);
    expect(findings.map(({ code }) => code)).toEqual(['SOURCE_FAILED']);
  });

  it('that hangs is given up after five seconds, and told so by its signal', async () => {
    const credential = await credentialFor('a.test');
    let signal: AbortSignal | undefined;
    const hanging = answering((query) => {
      signal = query.signal;
      return new Promise<undefined>(() => undefined);
    });
    const { resolver, findings, clock } = resolverOver([hanging, sourceOf(credential)]);
    const selection = Promise.resolve(resolver.find('a.test'));
    await clock.advance(SOURCE_TIMEOUT_MS);
    await expect(selection).resolves.toBe(credential);
    expect(findings.map(({ code }) => code)).toEqual(['SOURCE_TIMEOUT']);
    expect(signal?.aborted).toBe(true);
    expect(clock.pendingTimers).toBe(0);
  });

  it.each<readonly [string, unknown]>([
    ['a number', 7],
    ['null', null],
    ['text', 'certificate'],
    ['an object without key', { cert: 'x' }],
    ['an object whose key is no text', { cert: 'x', key: 7 }],
    ['an object whose pending is no promise', { pending: 7 }],
  ])('that answers %s is reported with a code and passed over', async (_what, nonsense) => {
    const credential = await credentialFor('a.test');
    for (const answer of [nonsense, Promise.resolve(nonsense)]) {
      const { resolver, findings } = resolverOver([answering(() => answer as Found), sourceOf(credential)]);
      await expect(Promise.resolve(resolver.find('a.test'))).resolves.toBe(credential);
      expect(findings.map(({ code }) => code)).toEqual(['SOURCE_ANSWER_INVALID']);
    }
  });

  it('that answers a key of another certificate never has it served', async () => {
    const ca = await testCa();
    const [one, other] = [await ca.issue({ names: ['a.test'] }), await ca.issue({ names: ['a.test'] })];
    const { resolver, findings } = resolverOver([answering(() => ({ cert: one.cert, key: other.key }))]);
    expect(resolver.find('a.test')).toBeUndefined();
    expect(findings.map(({ code }) => code)).toEqual(['TLS_KEY_MISMATCH']);
    expect(findings[0]?.hint).toContain('key');
  });

  it('that answers with PEM is parsed once, whether it gives the same object or equal text', async () => {
    const ca = await testCa();
    const { cert, key } = await ca.issue({ names: ['a.test'] });
    const shared = { cert, key: Buffer.from(key), passphrase: 'unused' };
    const same = resolverOver([answering(() => shared)]).resolver;
    expect(same.find('a.test')).toBe(same.find('a.test'));
    const later = resolverOver([answering(() => Promise.resolve(shared))]).resolver;
    expect(await later.find('a.test')).toBe(await later.find('a.test'));
    const equal = resolverOver([answering(() => ({ cert, key, chain: cert }))]).resolver;
    expect(equal.find('a.test')).toBe(equal.find('a.test'));
    expect((equal.find('a.test') as Credential).names).toEqual(['a.test']);
  });

  it('that answers pending is waited for as long as it takes, also inside a promise', async () => {
    const credential = await credentialFor('a.test');
    for (const wrap of [(found: Found) => found, (found: Found) => Promise.resolve(found)]) {
      let settle: (value: Credential) => void = () => undefined;
      const pending = new Promise<Credential>((resolve) => (settle = resolve));
      const { resolver, clock, findings } = resolverOver([answering(() => wrap({ pending }))]);
      const selection = Promise.resolve(resolver.find('a.test'));
      await clock.advance(SOURCE_TIMEOUT_MS * 4);
      settle(credential);
      await expect(selection).resolves.toBe(credential);
      expect(findings).toEqual([]);
    }
  });

  it('whose pending answer is never settled is given up after two minutes', async () => {
    const { resolver, clock, findings } = resolverOver([
      answering(() => ({ pending: new Promise<Credential>(() => undefined) })),
    ]);
    const selection = Promise.resolve(resolver.find('a.test'));
    await clock.advance(120_000);
    await expect(selection).resolves.toBeUndefined();
    expect(findings.map(({ code }) => code)).toEqual(['SOURCE_TIMEOUT']);
  });

  it('that throws when asked for its default is reported as such', () => {
    const source = {
      name: 'broken',
      find: () => undefined,
      default: () => {
        throw new Error('no default');
      },
    };
    const { resolver, findings } = resolverOver([source]);
    expect(resolver.default(undefined)).toBeUndefined();
    expect(findings[0]?.message).toContain('its default certificate');
  });
});

describe('an answer', () => {
  it('is pending only when it has to be waited for', async () => {
    expect(isPendingAnswer(undefined)).toBe(false);
    expect(isPendingAnswer(await credentialFor('a.test'))).toBe(false);
    expect(isPendingAnswer({ settled: Promise.resolve(undefined) })).toBe(true);
  });
});
