// A server that crashes at each of a hundred restarts, sooner or later: one order.
import { fileURLToPath } from 'node:url';
import { builtPackage } from '../bench/support/built-package.mjs';
import { crashLoop } from '../kills/crash-loop.js';

export const title = 'crashes: a server that crashes at each restart';

const RESTARTS = 100;

export async function run({ seed, size = RESTARTS }) {
  const child = fileURLToPath(new URL('../kills/child.mjs', import.meta.url));
  const lane = { command: [process.execPath, child], library: builtPackage().entry };
  const { restarts, loaded, orders, accounts, faults } = await crashLoop({ restarts: size, seed, lane });
  const failures = [...faults];
  if (orders !== 1) failures.push(`${orders} orders`);
  if (accounts !== 1) failures.push(`${accounts} accounts`);
  return { failures, figures: { restarts, 'with a certificate from before': loaded, orders, accounts } };
}
