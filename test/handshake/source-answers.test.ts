import { describe, expect, it } from '@jest/globals';
import type { Credential } from '../../src/credential/credential.js';
import type { Finding } from '../../src/credential/findings.js';
import { isPendingAnswer, SOURCE_TIMEOUT_MS } from '../../src/handshake/source-answers.js';
import type { Found } from '../../src/sources/certificate-source.js';
import { testCa } from '../support/certificates.js';
import { settled } from '../support/manual-clock.js';
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

describe('a source without an answer', () => {
  it('may say null, as databases do, at once, later or pending', async () => {
    const credential = await credentialFor('a.test');
    for (const nothing of [null, Promise.resolve(null), { pending: Promise.resolve(null) }]) {
      const { resolver, findings } = resolverOver([
        answering(() => nothing as unknown as undefined),
        sourceOf(credential),
      ]);
      await expect(Promise.resolve(resolver.find('a.test'))).resolves.toBe(credential);
      expect(findings).toEqual([]);
    }
  });
});

describe('what a source throws', () => {
  it.each<readonly [string, () => unknown]>([
    ['an object without prototype', () => Object.create(null) as unknown],
    [
      'an error whose message throws',
      () =>
        Object.defineProperty(new Error(), 'message', {
          get: () => {
            throw new Error('no');
          },
        }),
    ],
  ])('may be %s, and still only costs its answer', async (_what, make) => {
    const credential = await credentialFor('a.test');
    for (const find of [
      () => {
        throw make();
      },
      () => Promise.reject(make()),
    ]) {
      const { resolver, findings } = resolverOver([answering(find), sourceOf(credential)]);
      await expect(Promise.resolve(resolver.find('a.test'))).resolves.toBe(credential);
      expect(findings).toMatchObject([
        { code: 'SOURCE_FAILED', message: expect.stringContaining('cannot be printed') as unknown },
      ]);
    }
  });

  it('is reported even when its name and its default cannot be read', async () => {
    const broken = {
      get name(): string {
        throw new Error('no name');
      },
      find: () => undefined,
      get default(): () => undefined {
        throw new Error('no default');
      },
    };
    const { resolver, findings } = resolverOver([broken, sourceOf(await credentialFor('a.test'))]);
    expect(resolver.default(undefined)).toMatchObject({ names: ['a.test'] });
    expect(findings).toMatchObject([{ code: 'SOURCE_FAILED', source: 'a source without a readable name' }]);
  });
});

describe('a fault of a source', () => {
  it('is taken back when the same question is answered well', async () => {
    const credential = await credentialFor('a.test');
    let isDown = true;
    const resolved: Finding[] = [];
    const source = answering(({ serverName }) => {
      if (isDown) throw new Error('down');
      return serverName === 'a.test' ? Promise.resolve(credential) : undefined;
    }, 'database');
    const { resolver, findings } = resolverOver([source], { resolved: (finding) => resolved.push(finding) });
    await resolver.find('a.test');
    isDown = false;
    await resolver.find('b.test');
    expect(resolved).toEqual([]);
    await resolver.find('a.test');
    expect(resolved).toEqual(findings);
    expect(findings).toMatchObject([{ code: 'SOURCE_FAILED', source: 'database' }]);
  });

  it('gives way to another fault of the same question', async () => {
    let isDown = true;
    const resolved: string[] = [];
    const source = answering(() => {
      if (isDown) throw new Error('down');
      return 7 as unknown as Found;
    });
    const { resolver, findings } = resolverOver([source], { resolved: ({ code }) => resolved.push(code) });
    await resolver.find('a.test');
    isDown = false;
    await resolver.find('a.test');
    await resolver.find('b.test');
    expect(findings.map(({ code }) => code)).toEqual([
      'SOURCE_FAILED',
      'SOURCE_ANSWER_INVALID',
      'SOURCE_ANSWER_INVALID',
    ]);
    expect(resolved).toEqual(['SOURCE_FAILED']);
  });
});

describe('an answer of untyped code', () => {
  it('that is larger than 1 MB is refused', async () => {
    const { cert, key } = await (await testCa()).issue({ names: ['a.test'] });
    const { resolver, findings } = resolverOver([
      answering(() => ({ cert: `${cert}${'\n'.repeat(1_000_000)}`, key })),
    ]);
    expect(resolver.find('a.test')).toBeUndefined();
    expect(findings).toMatchObject([
      { code: 'SOURCE_ANSWER_INVALID', message: expect.stringContaining('1 MB') as unknown },
    ]);
  });

  it('that forges the brand of a credential is not believed', () => {
    const forged = { [Symbol.for('tlsmith.credential')]: true };
    const { resolver, findings } = resolverOver([answering(() => forged as unknown as Credential)]);
    expect(resolver.find('a.test')).toBeUndefined();
    expect(findings.map(({ code }) => code)).toEqual(['SOURCE_ANSWER_INVALID']);
  });
});

describe('a name that a source is thinking about', () => {
  it('is not asked again for clients that may not wait; the next source answers them', async () => {
    const credential = await credentialFor('a.test', 'b.test');
    const asked: string[] = [];
    let settle: () => void = () => undefined;
    const slow = answering(({ serverName }) => {
      asked.push(serverName);
      return new Promise<undefined>((resolve) => {
        settle = () => {
          resolve(undefined);
        };
      });
    });
    const { resolver } = resolverOver([slow, slowOf(asked), sourceOf(credential)]);
    void resolver.find('a.test');
    expect(resolver.find('a.test', { mayWait: false })).toBe(credential);
    expect(resolver.find('a.test', { mayWait: false })).toBe(credential);
    expect(resolver.find('b.test', { mayWait: false })).toBe(credential);
    expect(asked).toEqual(['a.test', 'second a.test', 'b.test', 'second b.test']);
    settle();
    await settled();
    expect(resolver.find('b.test', { mayWait: false })).toBe(credential);
    expect(asked.slice(4)).toEqual(['b.test']);
  });

  function slowOf(asked: string[]): ReturnType<typeof answering> {
    return answering(({ serverName }) => {
      asked.push(`second ${serverName}`);
      return new Promise<undefined>(() => undefined);
    });
  }
});

describe('who has answered', () => {
  it.each<readonly [string, (found: Found) => ReturnType<typeof answering>]>([
    ['at once', (found) => answering(() => found)],
    ['later', (found) => answering(() => Promise.resolve(found))],
    ['in the end', (found) => answering(() => ({ pending: Promise.resolve(found as Credential) }))],
  ])('is told once for each credential: %s', async (_what, from) => {
    const { cert, key } = await (await testCa()).issue({ names: ['a.test'] });
    for (const found of [await credentialFor('a.test'), { cert, key }]) {
      const met: [string, readonly string[]][] = [];
      const source = from(found);
      const { resolver } = resolverOver([source], {
        met: ({ names }, { name }) => met.push([name, names]),
      });
      for (let round = 0; round < 3; round += 1) await resolver.find('a.test');
      expect(met).toEqual([['answering', ['a.test']]]);
    }
  });
});

describe('an answer', () => {
  it('is pending only when it has to be waited for', async () => {
    expect(isPendingAnswer(undefined)).toBe(false);
    expect(isPendingAnswer(await credentialFor('a.test'))).toBe(false);
    expect(isPendingAnswer({ settled: Promise.resolve(undefined) })).toBe(true);
  });
});
