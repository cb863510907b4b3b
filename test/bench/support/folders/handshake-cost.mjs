// The server's processor time per handshake with the whole folder loaded: a tenth of the names in use, and all of them.
import { addOutcome, contest } from '../contest.mjs';
import { microseconds, printTable, ratio } from '../table.mjs';
import { folderServerPath } from './processes.mjs';

const TARGET = 1.1;
const CONCURRENCY = 8;
const ROUNDS = 12;

export async function measureHandshakeCost({ entry, folder, seed, rounds = ROUNDS, connections }) {
  const { names, path, root } = folder;
  const inUse = namesInUse(names);
  const shared = { root, version: 'TLSv1.3', concurrency: CONCURRENCY };
  const uses = [
    {
      name: `${inUse.length} names in use of ${names.length}`,
      names: inUse,
      target: TARGET,
      // Every name once in a round, so that the warm-up has warmed them all.
      load: () => ({ ...shared, names: inUse, connections: Math.max(inUse.length, connections ?? 0) }),
    },
    {
      name: `cold: drawn from all ${names.length}`,
      names,
      load: (random) => {
        const count = connections ?? inUse.length;
        return {
          ...shared,
          names: Array.from({ length: count }, () => random.pick(names)),
          connections: count,
        };
      },
    },
  ];
  const table = [
    ['CPU per handshake', 'bare A', 'bare B', 'tlsmith', 'tlsmith / bare (IQR)', 'control (IQR)', 'counts'],
  ];
  const result = { figures: [], failures: [], details: {} };
  for (const { name, names: served, load, target } of uses) {
    const outcome = await contest({
      server: folderServerPath,
      bare: { folder: path, names: served },
      tlsmith: { entry, folder: path },
      load,
      rounds,
      seed,
    });
    const { contestants, control, counts } = outcome;
    const times = contestants.map(({ cpu }) => microseconds(cpu.median));
    table.push([name, ...times, ratio(outcome.ratio), ratio(control), counts ? 'yes' : 'NO']);
    addOutcome(result, { name, target, outcome });
  }
  printTable(table);
  return result;
}

/** A tenth of the folder: 1,000 of 10,000. */
export function namesInUse(names) {
  return names.slice(0, Math.max(1, Math.floor(names.length / 10)));
}
