import { describe, expect, it } from '@jest/globals';
import { fromFunction } from '../../src/sources/from-function.js';
import type { CertificateSource, SourceFunction, SourceHost } from '../../src/sources/certificate-source.js';
import { manualClock, type ManualClock } from '../support/manual-clock.js';

const INPUT = { cert: 'cert', key: 'key' };
const { signal } = new AbortController();

describe('a function as a source', () => {
  it('is asked with the server name, and with undefined for the default', () => {
    const asked: unknown[] = [];
    const { source } = started((serverName) => {
      asked.push(serverName);
      return INPUT;
    });
    expect(source.find({ serverName: 'a.test', signal })).toBe(INPUT);
    expect(source.default?.()).toBe(INPUT);
    expect(asked).toEqual(['a.test', undefined]);
  });

  it('is asked again only when its answer is older than cacheMs, "nothing" included', async () => {
    let asked = 0;
    const { source, clock } = started(() => {
      asked += 1;
      return undefined;
    }, 1_000);
    void source.find({ serverName: 'a.test', signal });
    void source.find({ serverName: 'a.test', signal });
    expect(asked).toBe(1);
    await clock.advance(1_000);
    void source.find({ serverName: 'a.test', signal });
    expect(asked).toBe(2);
  });

  it('is asked once for all who want the same name at the same time', async () => {
    let asked = 0;
    const { source, clock } = started(async () => {
      asked += 1;
      await Promise.resolve();
      return INPUT;
    }, 1_000);
    const answers = [
      source.find({ serverName: 'a.test', signal }),
      source.find({ serverName: 'a.test', signal }),
    ];
    await expect(Promise.all(answers.map((answer) => Promise.resolve(answer)))).resolves.toEqual([
      INPUT,
      INPUT,
    ]);
    expect(await source.find({ serverName: 'a.test', signal })).toBe(INPUT);
    expect(asked).toBe(1);
    await clock.advance(1_001);
    await source.find({ serverName: 'a.test', signal });
    expect(asked).toBe(2);
  });

  it('may say null for nothing, at once or later', async () => {
    for (const nothing of [null, Promise.resolve(null)]) {
      const { source } = started(() => nothing);
      expect(await source.find({ serverName: 'a.test', signal })).toBeUndefined();
      expect(await source.find({ serverName: 'a.test', signal })).toBeUndefined();
    }
  });

  it('is asked anew after it has failed', async () => {
    let asked = 0;
    const { source } = started(() => {
      asked += 1;
      return asked === 1 ? Promise.reject(new Error('down')) : Promise.resolve(INPUT);
    });
    await expect(source.find({ serverName: 'a.test', signal })).rejects.toThrow('down');
    await expect(source.find({ serverName: 'a.test', signal })).resolves.toBe(INPUT);
  });

  it('that hangs is not shared for ever', async () => {
    let asked = 0;
    const { source, clock } = started(() => {
      asked += 1;
      return new Promise(() => undefined);
    });
    void source.find({ serverName: 'a.test', signal });
    await clock.advance(5_000);
    void source.find({ serverName: 'a.test', signal });
    expect(asked).toBe(2);
  });

  it('is asked in every handshake when cacheMs is 0', async () => {
    let asked = 0;
    const { source } = started(() => {
      asked += 1;
      return asked % 2 === 0 ? INPUT : Promise.resolve(INPUT);
    }, 0);
    for (let count = 0; count < 4; count += 1) await source.find({ serverName: 'a.test', signal });
    expect(asked).toBe(4);
  });

  it('forgets its answers on reload and on close', async () => {
    let asked = 0;
    const { source } = started(() => {
      asked += 1;
      return INPUT;
    });
    void source.find({ serverName: 'a.test', signal });
    await source.reload?.({ signal });
    void source.find({ serverName: 'a.test', signal });
    await source.close?.();
    void source.find({ serverName: 'a.test', signal });
    expect(asked).toBe(3);
  });

  it('remembers a bounded number of names, whatever strangers ask for', () => {
    let asked = 0;
    const { source } = started(() => {
      asked += 1;
      return undefined;
    });
    for (let name = 0; name < 30_000; name += 1) void source.find({ serverName: `n${name}.test`, signal });
    void source.find({ serverName: 'n0.test', signal });
    expect(asked).toBe(30_001);
  });

  it('has the name of the function', () => {
    expect(
      fromFunction(function fromDatabase() {
        return undefined;
      }).name,
    ).toBe('fromDatabase');
    expect(fromFunction(() => undefined).name).toBe('function');
  });

  it('names the option that is misused', () => {
    expect(() => fromFunction(7 as never)).toThrow(/function/);
    expect(() => fromFunction(() => undefined, { cacheMs: -1 })).toThrow(/cacheMs/);
    expect(() => fromFunction(() => undefined, { cacheMs: '5' as never })).toThrow(/cacheMs/);
  });

  function started(fn: SourceFunction, cacheMs?: number): { source: CertificateSource; clock: ManualClock } {
    const clock = manualClock();
    const source = fromFunction(fn, cacheMs === undefined ? {} : { cacheMs });
    void source.start?.({ clock } as unknown as SourceHost);
    return { source, clock };
  }
});
