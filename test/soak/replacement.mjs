// A thousand certificates that are to be replaced at once; and a tenth of them by the ACME client through a model of the network.
import { tellToRenew } from '../simulation/told-to-renew.js';

export const title = 'replacement: a thousand certificates that are to be replaced at once';

const NAMES = 1_000;

export async function run({ seed, size = NAMES }) {
  const report = await tellToRenew(size, seed);
  const network = await tellToRenew(Math.ceil(size / 10), seed, true);
  const failures = [
    ...faultsOf(report),
    ...faultsOf(network).map((fault) => `through the network: ${fault}`),
  ];
  return {
    failures,
    figures: {
      'certificates replaced': report.replaced,
      'orders that say what they replace': report.ordersThatReplace,
      'virtual minutes': `${report.minutes.toFixed(1)} of ${report.mostMinutes}`,
      'refused by a limit': report.rateLimited,
      'through the network': `${network.replaced} replaced by ${network.ordersThatReplace} orders in ${network.minutes.toFixed(1)} minutes`,
    },
  };
}

function faultsOf({ certificates, replaced, orders, ordersThatReplace, minutes, mostMinutes }) {
  const faults = [];
  if (replaced < certificates) faults.push(`${certificates - replaced} were not replaced`);
  if (ordersThatReplace !== certificates || orders !== certificates)
    faults.push(`${orders} orders, of which ${ordersThatReplace} said what they replace`);
  if (minutes > mostMinutes) faults.push(`it took ${minutes} minutes`);
  return faults;
}
