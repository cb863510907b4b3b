// The order in which test files begin.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, jest } from '@jest/globals';

interface TestFile {
  readonly path: string;
  readonly context: object;
}
interface Sequencer {
  readonly LONGEST: readonly string[];
  new (options: object): { sort(tests: readonly TestFile[]): readonly TestFile[] };
}

const LongestFirst = jest.requireActual<Sequencer>('../support/sequencer.cjs');
const CHECKOUT = join(__dirname, '..', '..');
/** As jest describes files that it has not run yet: by their size. */
const CONTEXT = { config: { cache: false }, hasteFS: { getSize: (path: string) => path.length } };

describe('of the test files', () => {
  it('those that take longest begin first, however small they are', () => {
    const [first = '', second = ''] = LongestFirst.LONGEST;
    const paths = ['test/a-file-that-is-larger-than-all-others.test.ts', second, 'test/b.test.ts', first];
    const tests = paths.map((path) => ({ path: `/checkout/${path}`, context: CONTEXT }));
    const sorted = new LongestFirst({}).sort(tests).map(({ path }) => path.slice('/checkout/'.length));
    expect(sorted).toEqual([first, second, paths[0], paths[2]]);
  });

  it('all that are said to take longest are there', () => {
    expect(LongestFirst.LONGEST.filter((file) => !existsSync(join(CHECKOUT, file)))).toEqual([]);
  });
});
