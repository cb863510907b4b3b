/** The breaks of `npm run test:sabotage` find what they change; that they are noticed takes minutes to see. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';

const CHECKOUT = join(__dirname, '..');
const PRINT = "import { breaks } from './test/sabotage/breaks.mjs'; console.log(JSON.stringify(breaks));";

it('every break finds the text that it changes, once', () => {
  const printed = execFileSync(process.execPath, ['--input-type=module', '-e', PRINT], { cwd: CHECKOUT });
  const breaks = JSON.parse(String(printed)) as readonly { name: string; file: string; find: string }[];
  const misplaced = breaks.filter(
    ({ file, find }) => readFileSync(join(CHECKOUT, file), 'utf8').split(find).length !== 2,
  );
  expect(misplaced.map(({ name, file }) => `${name} (${file})`)).toEqual([]);
  expect(breaks.length).toBeGreaterThan(200);
});
