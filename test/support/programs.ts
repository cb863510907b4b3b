// The examples, and the children of tests, as compile-programs.cjs has compiled them.
import { join, relative } from 'node:path';

const CHECKOUT = join(__dirname, '..', '..');

/** The file that node runs in place of this one, a TypeScript file of the checkout. */
export function compiled(...path: readonly string[]): string {
  const folder = process.env['TLSMITH_TEST_PROGRAMS'];
  if (folder === undefined) throw new Error('compile-programs.cjs has not run.');
  return join(folder, relative(CHECKOUT, join(...path)).replace(/\.ts$/, '.js'));
}
