// A thousand certificates that are to be replaced at once.
import { tellToRenew } from '../simulation/told-to-renew.js';

export const title = 'replacement: a thousand certificates that are to be replaced at once';

const NAMES = 1_000;

export async function run({ seed, size = NAMES }) {
  const report = await tellToRenew(size, seed);
  const failures = [];
  if (report.replaced < size) failures.push(`${size - report.replaced} were not replaced`);
  if (report.ordersThatReplace !== size || report.orders !== size)
    failures.push(`${report.orders} orders, of which ${report.ordersThatReplace} said what they replace`);
  if (report.minutes > report.mostMinutes) failures.push(`it took ${report.minutes} minutes`);
  return {
    failures,
    figures: {
      'certificates replaced': report.replaced,
      'orders that say what they replace': report.ordersThatReplace,
      'virtual minutes': `${report.minutes.toFixed(1)} of ${report.mostMinutes}`,
      'refused by a limit': report.rateLimited,
    },
  };
}
