// A folder of thousands of pairs: start, memory, cost of warm and cold names, changes, floods; and how nginx, haproxy and
// caddy do with the same folder.
import { CertificateFolder } from './support/folders/certificate-folder.mjs';
import { measureColdNames } from './support/folders/cold-names.mjs';
import { measureDrawnCost, measureHandshakeCost } from './support/folders/handshake-cost.mjs';
import { measurePeers } from './support/folders/peers.mjs';
import { measureRenamesAtOnce } from './support/folders/renames-at-once.mjs';
import { measureSingleChanges } from './support/folders/single-changes.mjs';
import { measureStartUp } from './support/folders/start-up.mjs';
import { measureUnknownNames } from './support/folders/unknown-names.mjs';

export const title = 'folders: thousands of pairs in a folder';

const PAIRS = 10_000;

/** In this order: the last one replaces all certificates. */
const parts = {
  start: measureStartUp,
  cold: measureColdNames,
  cost: measureHandshakeCost,
  drawn: measureDrawnCost,
  change: measureSingleChanges,
  flood: measureUnknownNames,
  peers: measurePeers,
  renames: measureRenamesAtOnce,
};

export async function run({ pairs = PAIRS, parts: wanted = Object.keys(parts), ...settings }) {
  const unknown = wanted.find((name) => !(name in parts));
  if (unknown !== undefined)
    throw new TypeError(`--parts: there is no ${unknown}, but ${Object.keys(parts)}`);
  const began = performance.now();
  const folder = await CertificateFolder.create(pairs);
  try {
    console.log(`  ${pairs} pairs made in ${((performance.now() - began) / 1000).toFixed(1)} s`);
    const result = { title, figures: [], failures: [], details: { pairs, node: process.version } };
    for (const [name, measure] of Object.entries(parts)) {
      if (!wanted.includes(name)) continue;
      console.log();
      await addPart(result, name, () => measure({ ...settings, folder }));
    }
    return result;
  } finally {
    folder.remove();
  }
}

/** What one part cannot measure is no reason to lose the others. */
async function addPart(result, name, measure) {
  const began = performance.now();
  try {
    const { figures, failures, details } = await measure();
    result.figures.push(...figures.map((figure) => ({ ...figure, name: `${name}: ${figure.name}` })));
    result.failures.push(...failures.map((failure) => `${name}: ${failure}`));
    result.details[name] = details;
  } catch (error) {
    console.error(error);
    result.failures.push(`${name}: ${error.message}`);
  }
  console.log(`  (${name}: ${((performance.now() - began) / 1000).toFixed(1)} s)`);
}
