// A thousand certificates from an authority that rejects half of all nonces and reuses no authorization.
import { issueMany } from '../nonces/issuances.js';

export const title = 'nonces: a thousand issuances with every second nonce rejected';

const NAMES = 1_000;

export async function run({ size = NAMES }) {
  const report = await issueMany(size);
  const failures = [...report.faults.slice(0, 10), ...report.failures.slice(0, 10)];
  if (report.certificates !== size) failures.push(`${report.certificates} certificates`);
  if (report.orders !== size) failures.push(`${report.orders} orders`);
  return {
    failures,
    figures: {
      certificates: report.certificates,
      orders: report.orders,
      'failed attempts': report.failures.length,
      'requests beside': report.requests,
      'requests that failed, or saw a validation certificate': report.faults.length,
      'real time': `${report.seconds.toFixed(1)} s`,
    },
  };
}
