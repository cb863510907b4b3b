/**
 * npm run soak [-- PROGRAM...] [-- options]: long tests, at their full size. Each is also in `npm test`, smaller. Fails
 * when something is wrong, and when it takes longer than it may.
 */
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { printTable } from '../bench/support/table.mjs';

/** By name: the file that has it. */
const PROGRAMS = {
  year: './year.mjs',
  replacement: './replacement.mjs',
  kills: './kills.mjs',
  crashes: './crashes.mjs',
  nonces: './nonces.mjs',
  fuzz: './fuzz.mjs',
};

const USAGE = `npm run soak -- [${Object.keys(PROGRAMS).join('] [')}]
  --seed N      seed of every random choice
  --size N      how many of whatever a program counts, in place of its full size
  --from N      the turn that fuzz begins with, or the point of kills, to go on with an earlier run
Each program says what it did; what was wrong is at the end.`;

const { values, positionals } = parseArgs({
  options: {
    ...Object.fromEntries(['seed', 'size', 'from'].map((name) => [name, { type: 'string' }])),
    help: { type: 'boolean' },
  },
  allowPositionals: true,
});
const unknown = positionals.filter((name) => !Object.hasOwn(PROGRAMS, name));
if (values.help || unknown.length > 0) {
  console.log(USAGE);
  process.exit(unknown.length > 0 ? 1 : 0);
}

const settings = {
  seed: Number(values.seed ?? Date.now() % 2 ** 32),
  ...(values.size === undefined ? {} : { size: Number(values.size) }),
  ...(values.from === undefined ? {} : { from: Number(values.from) }),
};
console.log(
  `node ${process.version}, ${cpus()[0].model}, ${cpus().length} cores, load ${loadavg()[0].toFixed(2)}`,
);
console.log(`seed ${settings.seed}`);

const rows = [['', 'value']];
const failures = [];
for (const name of positionals.length > 0 ? positionals : Object.keys(PROGRAMS)) {
  const { title, run } = await import(PROGRAMS[name]);
  console.log(`\n${title}`);
  const began = performance.now();
  try {
    const result = await run(settings);
    rows.push(...Object.entries(result.figures).map(([figure, value]) => [`${name}: ${figure}`, value]));
    failures.push(...result.failures.map((failure) => `${name}: ${failure}`));
  } catch (error) {
    console.error(error);
    failures.push(`${name}: ${error.message}`);
  }
  console.log(`  (${((performance.now() - began) / 1000).toFixed(1)} s)`);
}
console.log('\nSummary');
printTable(rows);
for (const failure of failures) console.log(`WRONG in ${failure}`);
process.exit(failures.length > 0 ? 1 : 0);
