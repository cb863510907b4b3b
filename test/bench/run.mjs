/**
 * npm run bench [-- MEASUREMENT...] [-- options]: measures the built package on this machine. It fails for wrong
 * results (failed handshakes, dropped connections, crashes), never for slow ones.
 */
import { writeFileSync } from 'node:fs';
import { arch, cpus, loadavg, platform } from 'node:os';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { builtPackage } from './support/built-package.mjs';
import { notPinned } from './support/children.mjs';
import { printTable } from './support/table.mjs';

const MEASUREMENTS = [
  'handshake',
  'resumption',
  'swap',
  'import',
  'swaps-under-load',
  'folders',
  'acme',
  'shared',
  'fuzz',
  'strangers',
];

const USAGE = `npm run bench -- [${MEASUREMENTS.join('] [')}]
  --json FILE        also writes the results to a file
  --rounds N         rounds of handshake, resumption, and of folders' parts cost, drawn and peers
  --connections N    connections in a round
  --swaps N          swaps to measure, and single changes of folders
  --seconds N        how long swaps-under-load takes, and a flood of strangers
  --pairs N          pairs in the folder of folders (10,000)
  --hellos N         hellos with unknown names of folders (50,000; 833 a second, sent twice)
  --parts LIST       only these parts of folders: start,cold,cost,drawn,change,flood,peers,renames
  --inputs N         inputs for each parser of fuzz
  --seed N           seed of every random choice
  --package FOLDER   measures this folder's dist instead of building the checkout's
Another Node is measured by running this file with it. The peers of folders are measured where they are installed:
apt-get install -y --no-install-recommends nginx-light haproxy caddy`;

const NUMBERS = ['rounds', 'connections', 'swaps', 'seconds', 'pairs', 'hellos', 'inputs', 'seed'];

const OPTIONS = {
  json: { type: 'string' },
  package: { type: 'string' },
  parts: { type: 'string' },
  help: { type: 'boolean' },
  ...Object.fromEntries(NUMBERS.map((name) => [name, { type: 'string' }])),
};

// fuzz looks at memory that is really in use; `npm run bench` starts node without flags.
setFlagsFromString('--expose-gc');
global.gc = runInNewContext('gc');

const { values, positionals } = parseArgs({ options: OPTIONS, allowPositionals: true });
const unknown = positionals.filter((name) => !MEASUREMENTS.includes(name));
if (values.help || unknown.length > 0) {
  console.log(USAGE);
  process.exit(unknown.length > 0 ? 1 : 0);
}

const settings = { seed: Date.now() >>> 0, ...numbersOf(values), parts: values.parts?.split(',') };
const built = builtPackage(values.package);
console.log(
  `node ${process.version}, ${cpus()[0].model}, ${cpus().length} cores, load ${loadavg()[0].toFixed(2)}`,
);
console.log(`seed ${settings.seed}${notPinned === undefined ? '' : `; ${notPinned}`}`);

const results = {};
for (const name of positionals.length > 0 ? positionals : MEASUREMENTS) {
  const { title, run } = await import(`./${name}.mjs`);
  console.log(`\n${title}`);
  const start = performance.now();
  try {
    results[name] = await run({ ...settings, ...built });
  } catch (error) {
    console.error(error);
    results[name] = { title, figures: [], failures: [error.message] };
  }
  console.log(`  (${((performance.now() - start) / 1000).toFixed(1)} s)`);
}

summarize(results);
if (values.json !== undefined) {
  const machine = {
    node: process.version,
    cpu: cpus()[0].model,
    cores: cpus().length,
    platform: platform(),
    arch: arch(),
  };
  writeFileSync(
    values.json,
    `${JSON.stringify({ at: new Date(), machine, seed: settings.seed, results }, null, 2)}\n`,
  );
}
process.exit(Object.values(results).some(({ failures }) => failures.length > 0) ? 1 : 0);

function numbersOf(options) {
  const given = NUMBERS.filter((name) => options[name] !== undefined);
  return Object.fromEntries(
    given.map((name) => {
      const number = Number(options[name]);
      if (!Number.isInteger(number) || number < 1)
        throw new TypeError(`--${name} must be a whole number above 0`);
      return [name, number];
    }),
  );
}

function summarize(all) {
  console.log('\nSummary');
  const rows = [['', 'value', 'target', '']];
  for (const [name, { figures }] of Object.entries(all)) {
    for (const figure of figures) rows.push(summaryRow(name, figure));
  }
  printTable(rows);
  for (const [name, { figures, failures }] of Object.entries(all)) {
    if (figures.some(({ counts }) => counts === false)) {
      console.log(
        `THIS RUN DOES NOT COUNT for ${name}: two copies of the same server differed by more than 2 %.`,
      );
    }
    for (const failure of failures) console.log(`WRONG in ${name}: ${failure}`);
  }
}

function summaryRow(measurement, { name, value, unit = '', digits = 0, atMost, atLeast, counts }) {
  const text = (number) => `${number.toFixed(digits)}${unit}`;
  const isMet = (atMost === undefined || value <= atMost) && (atLeast === undefined || value >= atLeast);
  const target =
    atMost !== undefined ? `<= ${text(atMost)}` : atLeast !== undefined ? `>= ${text(atLeast)}` : '-';
  const verdict =
    counts === false ? 'does not count' : target === '-' ? 'for information' : isMet ? 'met' : 'MISSED';
  return [`${measurement}: ${name}`, text(value), target, verdict];
}
