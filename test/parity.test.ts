// docs/parity.md names a test for each thing that others have, or says why it is missing.
import { describe, expect, it } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const CHECKOUT = join(__dirname, '..');

const rows = readFileSync(join(CHECKOUT, 'docs', 'parity.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('|'))
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .filter(([, feature = '']) => !/^(?:feature|-+)$/.test(feature))
  .map(([, feature = '', shown = '']) => ({ feature, shown }));

describe('docs/parity.md', () => {
  it('says of each feature by which test it is shown, or why it is missing', () => {
    expect(rows.length).toBeGreaterThan(40);
    expect(
      rows.filter(({ shown }) => !/^(?:`test\/\S+\.test\.ts`: \S|Not (?:here|yet)\b.{20})/.test(shown)),
    ).toEqual([]);
  });

  it('names tests that there are', () => {
    expect(rows.flatMap(missing)).toEqual([]);
  });
});

function missing({ feature, shown }: { feature: string; shown: string }): string[] {
  const [, file, phrase = ''] = /^`(test\/\S+)`: (.*)$/.exec(shown) ?? [];
  if (file === undefined) return [];
  if (!existsSync(join(CHECKOUT, file))) return [`${feature}: ${file}`];
  // What follows a full stop is a remark.
  const name = phrase.split(/\. (?=[A-Z])/)[0] ?? '';
  return readFileSync(join(CHECKOUT, file), 'utf8').includes(name) ? [] : [`${feature}: ${name}`];
}
