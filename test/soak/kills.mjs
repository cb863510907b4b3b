// kill -9 at every step of issuance and renewal.
import { fileURLToPath } from 'node:url';
import { builtPackage } from '../bench/support/built-package.mjs';
import { sweep } from '../kills/kill-sweep.js';

export const title = 'kills: kill -9 at every step of storage and network';

const LANES = 4;
const COURSES = ['issuance', 'renewal'].flatMap((kind) => [
  { kind, challenge: 'tls-alpn-01', names: 1 },
  { kind, challenge: 'http-01', names: 2 },
]);
const FEWEST_POINTS = 300;

export async function run({ size, from = 0 }) {
  const child = fileURLToPath(new URL('../kills/child.mjs', import.meta.url));
  const lane = { command: [process.execPath, child], library: builtPackage().entry };
  const stride = size === undefined ? 1 : Math.max(1, Math.floor(FEWEST_POINTS / size));
  const report = await sweep({
    ...{ courses: COURSES, lanes: LANES, lane, stride, from },
    told: ({ done, of, faults, story }) => {
      if (done % 20 === 0) console.log(`  ${done} of ${of} points`);
      for (const fault of faults) console.log(`  ${fault}`);
      for (const line of story) console.log(`    ${line}`);
    },
  });
  const failures = [...report.faults];
  if (size === undefined && from === 0 && report.points < FEWEST_POINTS)
    failures.push(`only ${report.points} points`);
  return {
    failures,
    figures: {
      'points at which it was killed': report.points,
      'points that were not reached': report.missed,
      'orders, of all points': report.orders,
      'points with a second order, the first not yet stored': report.unknown,
      'points with a second order, the first given up by the authority': report.givenUp,
    },
  };
}
