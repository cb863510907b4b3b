import { describe, expect, it } from '@jest/globals';
import { type KnownCertificates, UnmatchedNames } from '../src/unmatched-names.js';
import { manualClock } from './support/manual-clock.js';

describe('names that nobody has', () => {
  it('are told by the one most asked for, with a count of the others and what there is', () => {
    const names = new UnmatchedNames(
      manualClock(),
      known(() => ['a.test', '*.b.test', 'a.test']),
    );
    expect(names.add('x.test')).toBe(
      '1 client asked for x.test, and no certificate covers it; there are: a.test, *.b.test',
    );
    names.add('y.test');
    names.add('y.test');
    expect(names.add('z.test')).toMatch(/^2 clients asked for y\.test \(and 2 for other names\), /);
  });

  it('are forgotten after five minutes', async () => {
    const clock = manualClock();
    const names = new UnmatchedNames(
      clock,
      known(() => []),
    );
    names.add('x.test');
    await clock.advance(300_000);
    expect(names.add('y.test')).toBe(
      '1 client asked for y.test, and no certificate covers it; there is none at all',
    );
  });

  it('are told with where the most asked one was looked for', () => {
    const lookedFor = (name: string): string => `; looked in /certs for ${name}.crt`;
    const names = new UnmatchedNames(manualClock(), { namesAtHand: () => ['a.test'], lookedFor });
    names.add('x.test');
    names.add('x.test');
    expect(names.add('y.test')).toMatch(/there are: a\.test; looked in \/certs for x\.test\.crt$/);
  });

  it('may be many, of many certificates: what is shown and looked up is bounded', () => {
    let questions = 0;
    const names = new UnmatchedNames(
      manualClock(),
      known(() => {
        questions += 1;
        return Array.from({ length: 1_000 }, (_, index) => `n${index}.test`);
      }),
    );
    let text = '';
    for (let name = 0; name < 50_000; name += 1) text = names.add(`random${name}.test`);
    expect(text.length).toBeLessThan(300);
    expect(text).toContain('n7.test and 992 more');
    expect(questions).toBe(1);
  });

  function known(namesAtHand: () => Iterable<string>): KnownCertificates {
    return { namesAtHand, lookedFor: () => '' };
  }
});
