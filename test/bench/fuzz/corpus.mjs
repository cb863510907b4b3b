// Inputs worth keeping, in test/fixtures/corpus: one a line, in hexadecimal, after a line that says what it is. The
// fuzzers begin with them, and test/fuzz-corpus.test.ts reads them in every run of the tests.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkout } from '../support/built-package.mjs';

/** The inputs of one kind. */
export function corpus(kind) {
  const lines = readFileSync(join(checkout, 'test', 'fixtures', 'corpus', `${kind}.txt`), 'utf8').split('\n');
  return lines.filter((line) => line !== '' && !line.startsWith('#')).map((line) => Buffer.from(line, 'hex'));
}
