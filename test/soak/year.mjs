// A year with a thousand names, outages of 8, 24 and 72 hours, and Let's Encrypt's limits; twice, to see that it repeats.
// Then one with a few names in which the ACME client takes part, too: there, signatures and keys are what takes the time.
import { simulateYear } from '../simulation/year.js';

export const title = 'year: a thousand names for a year, on a clock of its own';

const NAMES = 1_000;
/** Of forty names one has certificates for six days: each of these is renewed a hundred times. */
const SHARE_OF_SIX_DAYS = 1 / 40;
const LONGEST_MS = 60_000;
const MOST_ORDERS = 1.02;
/** Of so many names one takes part in the year through the network. */
const NETWORK_SHARE = 20;

export async function run({ seed, size = NAMES }) {
  const sixDayNames = Math.max(1, Math.round(size * SHARE_OF_SIX_DAYS));
  const options = {
    ...{ sixDayNames, fortyFiveDayNames: size - sixDayNames, days: 365, seed },
    ...{ outages: [8, 24, 72], hasRenewalInfo: false },
  };
  const first = await told(options);
  const again = await told(options);
  const failures = faultsOf(first);
  const network = await told({
    ...{ ...options, sixDayNames: Math.max(1, Math.round(sixDayNames / NETWORK_SHARE)) },
    fortyFiveDayNames: Math.round(options.fortyFiveDayNames / NETWORK_SHARE),
    ...{ hasRenewalInfo: true, isThroughNetwork: true },
  });
  failures.push(...faultsOf(network).map((fault) => `through the network: ${fault}`));
  if (first.trace !== again.trace) failures.push('the same seed led to another trace');
  if (Math.min(first.realMs, again.realMs) > LONGEST_MS)
    failures.push(`it took longer than ${LONGEST_MS / 1_000} s`);
  return {
    failures,
    figures: {
      names: `${sixDayNames} of 6 days, ${size - sixDayNames} of 45 days`,
      certificates: first.certificates,
      'orders for each': first.ordersPerCertificate.toFixed(4),
      'minutes with an expired one': first.expiredMinutes,
      'refused by a limit': first.rateLimited.length,
      'put off by the budget': first.postponed,
      'attempts while the authority was down': first.unreachable,
      'least of a lifetime left at renewal': `${(first.leastLeft * 100).toFixed(1)} %`,
      trace: first.trace.slice(0, 16),
      'through the network': `${network.names} names, ${network.certificates} certificates, ${network.ordersPerCertificate.toFixed(4)} orders for each, ${(network.realMs / 1_000).toFixed(1)} s`,
      'real time': `${(first.realMs / 1_000).toFixed(1)} s, ${(again.realMs / 1_000).toFixed(1)} s`,
    },
  };
}

async function told(options) {
  const report = await simulateYear(options);
  console.log(`  ${report.certificates} certificates in ${(report.realMs / 1_000).toFixed(1)} s`);
  return report;
}

function faultsOf({ expiredMinutes, neverServed, rateLimited, ordersPerCertificate }) {
  const faults = [];
  if (expiredMinutes > 0) faults.push(`expired certificates were served for ${expiredMinutes} minutes`);
  if (neverServed > 0) faults.push(`${neverServed} names never had a certificate`);
  if (rateLimited.length > 0) faults.push(`a limit was exceeded: ${rateLimited[0]}`);
  if (ordersPerCertificate > MOST_ORDERS) faults.push(`${ordersPerCertificate} orders for each certificate`);
  return faults;
}
