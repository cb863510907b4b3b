// The server's processor time per handshake with the whole folder loaded: a tenth of the names in use, and all of them.
import { addOutcome, contest } from '../contest.mjs';
import { microseconds, printTable, ratio } from '../table.mjs';
import { folderServerPath } from './processes.mjs';

const TARGET = 1.1;
const CONCURRENCY = 8;
const ROUNDS = 12;

/** With a tenth of the names in use, all of them loaded. */
export function measureHandshakeCost({ folder, connections, ...settings }) {
  const inUse = namesInUse(folder.names);
  return measureUse({
    ...settings,
    folder,
    name: `${inUse.length} names in use of ${folder.names.length}`,
    names: inUse,
    target: TARGET,
    // Every name once in a round, so that the warm-up has warmed them all.
    load: () => ({ names: inUse, connections: Math.max(inUse.length, connections ?? 0) }),
  });
}

/** With names drawn from all, most of which have to be loaded: the cold figure. */
export function measureDrawnCost({ folder, connections, ...settings }) {
  const { names } = folder;
  const count = connections ?? namesInUse(names).length;
  return measureUse({
    ...settings,
    folder,
    name: `cold: drawn from all ${names.length}`,
    names,
    target: undefined,
    load: (random) => ({
      names: Array.from({ length: count }, () => random.pick(names)),
      connections: count,
    }),
  });
}

async function measureUse({ entry, folder, seed, rounds = ROUNDS, name, names, target, load }) {
  const shared = { root: folder.root, version: 'TLSv1.3', concurrency: CONCURRENCY };
  const outcome = await contest({
    server: folderServerPath,
    bare: { folder: folder.path, names },
    tlsmith: { entry, folder: folder.path },
    load: (random) => ({ ...shared, ...load(random) }),
    rounds,
    seed,
  });
  const { contestants, control, counts } = outcome;
  const times = contestants.map(({ cpu }) => microseconds(cpu.median));
  printTable([
    ['CPU per handshake', 'bare A', 'bare B', 'tlsmith', 'tlsmith / bare (IQR)', 'control (IQR)', 'counts'],
    [name, ...times, ratio(outcome.ratio), ratio(control), counts ? 'yes' : 'NO'],
  ]);
  const result = { figures: [], failures: [], details: {} };
  addOutcome(result, { name, target, outcome });
  return result;
}

/** A tenth of the folder: 1,000 of 10,000. */
export function namesInUse(names) {
  return names.slice(0, Math.max(1, Math.floor(names.length / 10)));
}
