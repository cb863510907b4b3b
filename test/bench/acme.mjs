// One certificate, 20 and 200 at once, from the same Pebble: by the package, by acme-client's auto(), and by Caddy.
import { register } from 'tsx/esm/api';
import * as acmeClient from './support/acme/acme-client.mjs';
import * as caddy from './support/acme/caddy.mjs';
import * as tlsmith from './support/acme/tlsmith.mjs';
import { printTable } from './support/table.mjs';

export const title = 'acme: certificates from an ACME authority (Pebble)';

const ROUNDS = 5;
/** Caddy gives itself ten orders in ten seconds. */
const SIZES = [
  { count: 1, atMost: 0.4, rivals: ['acme-client', 'caddy'] },
  { count: 20, atMost: 3, rivals: ['acme-client', 'caddy'] },
  { count: 200, atMost: 30, rivals: ['acme-client'], rounds: 2 },
];

const CLIENTS = { tlsmith, 'acme-client': acmeClient, ...(caddy.isInstalled ? { caddy } : {}) };

export async function run({ entry, rounds = ROUNDS }) {
  const unregister = register();
  const { startPebble } = await import('../support/pebble.ts');
  const pebble = await startPebble();
  try {
    return await measure({ pebble, entry, rounds });
  } finally {
    await pebble.stop();
    await unregister();
  }
}

let number = 0;

async function measure({ pebble, entry, rounds: most }) {
  const result = { title, figures: [], failures: [], details: {} };
  const rows = [['seconds, median (least-most)', ...Object.keys(CLIENTS)]];
  // What is loaded with the first certificate is not what is measured.
  await tlsmith.obtain({ pebble, entry, names: [newName()] });
  for (const { count, atMost, rivals, rounds = most } of SIZES) {
    const seconds = Object.fromEntries(Object.keys(CLIENTS).map((name) => [name, []]));
    for (let round = 0; round < Math.min(rounds, most); round += 1) {
      for (const [name, { obtain }] of Object.entries(CLIENTS)) {
        if (name !== 'tlsmith' && !rivals.includes(name)) continue;
        const names = Array.from({ length: count }, newName);
        try {
          seconds[name].push(await obtain({ pebble, entry, names }));
        } catch (error) {
          // What a peer cannot do is no fault of the package.
          if (name === 'tlsmith') throw error;
          console.log(`  ${name}, ${count}: ${error.message}`);
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
