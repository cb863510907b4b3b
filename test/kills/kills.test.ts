// kill -9 at some of the steps of issuance and renewal; `npm run soak -- kills` takes all of them.
import { expect, it, jest } from '@jest/globals';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { compiled } from '../support/programs.js';
import { crashLoop } from './crash-loop.js';
import { sweep } from './kill-sweep.js';

jest.setTimeout(300_000);

const ROOT = join(__dirname, '..', '..');
const lane = {
  command: [process.execPath, join(__dirname, 'child.mjs')],
  library: pathToFileURL(compiled(ROOT, 'src', 'index.ts')).href,
};

it('A process killed in the middle of issuance or renewal leaves what the next one goes on with', async () => {
  const report = await sweep({
    courses: [
      { kind: 'issuance', challenge: 'tls-alpn-01', names: 1 },
      { kind: 'renewal', challenge: 'http-01', names: 2 },
    ],
    ...{ lanes: 2, stride: 20, lane },
  });
  expect(report.faults).toEqual([]);
  expect(report.points).toBeGreaterThanOrEqual(8);
});

it('A server that crashes each time that it is started, sooner or later, makes one order', async () => {
  const report = await crashLoop({ restarts: 10, seed: 3, lane });
  expect(report).toMatchObject({ orders: 1, accounts: 1, faults: [] });
});
