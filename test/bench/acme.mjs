// One certificate, 20 and 200 at once, from the same Pebble: by the package, by acme-client's auto(), and by Caddy.
import { register } from 'tsx/esm/api';
import { isInstalled as isCaddyInstalled } from './support/acme/caddy.mjs';
import { Contestant } from './support/acme/contestant.mjs';
import { printTable } from './support/table.mjs';

export const title = 'acme: certificates from an ACME authority (Pebble)';

const ROUNDS = 5;
/** Caddy gives itself ten orders in ten seconds. */
const SIZES = [
  { count: 1, atMost: 0.4, rivals: ['acme-client', 'caddy'] },
  { count: 20, atMost: 3, rivals: ['acme-client', 'caddy'] },
  { count: 200, atMost: 30, rivals: ['acme-client'], rounds: 2 },
];
/** After which a client is given up. */
const LONGEST_MS = 60_000;
const CLIENTS = ['tlsmith', 'acme-client', ...(isCaddyInstalled ? ['caddy'] : [])];

export async function run({ entry, rounds = ROUNDS }) {
  const unregister = register();
  const { startPebble } = await import('../support/pebble.ts');
  const pebble = await startPebble();
  const contestants = new Map(CLIENTS.map((client) => [client, new Contestant({ client, entry, pebble })]));
  try {
    return await measure(contestants, rounds);
  } finally {
    await Promise.all([...contestants.values()].map((contestant) => contestant.stop()));
    await pebble.stop();
    await unregister();
  }
}

let number = 0;

async function measure(contestants, mostRounds) {
  const result = { title, figures: [], failures: [], details: {} };
  const rows = [['seconds, median (least-most)', ...CLIENTS]];
  // What is loaded with the first certificate is not what is measured.
  for (const contestant of contestants.values())
    await contestant.obtain([newName()], LONGEST_MS).catch(() => undefined);
  for (const { count, atMost, rivals, rounds = mostRounds } of SIZES) {
    const seconds = Object.fromEntries(CLIENTS.map((client) => [client, []]));
    const playing = new Set(['tlsmith', ...rivals]);
    for (let round = 0; round < Math.min(rounds, mostRounds); round += 1) {
      for (const [client, contestant] of contestants) {
        if (!playing.has(client)) continue;
        const names = Array.from({ length: count }, newName);
        try {
          seconds[client].push(await contestant.obtain(names, LONGEST_MS));
        } catch (error) {
          // What a peer cannot do is no fault of the package.
          if (client === 'tlsmith') throw error;
          console.log(`  ${client}, ${count} at once: ${error.message}; it is not asked again`);
          playing.delete(client);
        }
      }
    }
    rows.push([`${count} at once`, ...Object.values(seconds).map(spread)]);
    result.figures.push({
      name: `${count} at once`,
      value: median(seconds.tlsmith),
      unit: ' s',
      digits: 2,
      atMost,
    });
    result.details[count] = seconds;
  }
  printTable(rows);
  return result;
}

function newName() {
  number += 1;
  return `bench-${number}.test`;
}

function median(values) {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)];
}

function spread(values) {
  if (values.length === 0) return '-';
  return `${median(values).toFixed(2)} (${Math.min(...values).toFixed(2)}-${Math.max(...values).toFixed(2)})`;
}
