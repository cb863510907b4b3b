// What it costs to import tlsmith, over importing node:https alone: from the packed tarball, as users have it.
import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { checkout } from './support/built-package.mjs';
import { Random, summaryOf } from './support/statistics.mjs';
import { milliseconds, printTable } from './support/table.mjs';

export const title = 'import: tlsmith over node:https, from the packed tarball';

const TARGET_MS = 10;
/** A package that only hands on node:https: what loading any package costs, which no code of ours can save. */
const THIN_PACKAGE = 'thin-https';
const PROCESSES = 15;
const TIMEOUT_MS = 60_000;

const runFile = promisify(execFile);
/** What times it, by the way it is loaded. */
const PROBES = { import: 'import-probe.mjs', require: 'require-probe.cjs' };

export async function run({ root, seed }) {
  const folder = await mkdtemp(join(tmpdir(), 'tlsmith-bench-'));
  try {
    await install(root, folder);
    const ways = ['import', 'require'].flatMap((way) =>
      ['node:https', THIN_PACKAGE, 'tlsmith'].map((specifier) => ({ way, specifier, times: [] })),
    );
    // The library is loaded by the first call, so that what an import saves is not gone from sight.
    ways.push({ way: 'import', specifier: 'tlsmith', then: 'makes-a-server', times: [] });
    const random = new Random(seed);
    for (const variant of ways) await timeOf(variant, folder); // fills the file cache
    for (let round = 0; round < PROCESSES; round += 1) {
      for (const variant of random.shuffled(ways)) variant.times.push(await timeOf(variant, folder));
    }
    return resultOf(ways);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Packs and unpacks the package; its dependencies are linked from the checkout. */
async function install(root, folder) {
  const options = { cwd: root, timeout: TIMEOUT_MS };
  await runFile('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder], options);
  const tarball = (await readdir(folder)).find((name) => name.endsWith('.tgz'));
  const modules = join(folder, 'node_modules');
  await mkdir(join(modules, 'tlsmith'), { recursive: true });
  await runFile('tar', [
    '-xzf',
    join(folder, tarball),
    '-C',
    join(modules, 'tlsmith'),
    '--strip-components=1',
  ]);
  const { dependencies = {} } = JSON.parse(await readFile(join(modules, 'tlsmith', 'package.json'), 'utf8'));
  for (const name of Object.keys(dependencies)) {
    await mkdir(dirname(join(modules, name)), { recursive: true });
    await symlink(join(checkout, 'node_modules', name), join(modules, name));
  }
  await mkdir(join(modules, THIN_PACKAGE));
  const thin = { name: THIN_PACKAGE, exports: { import: './index.mjs', require: './index.cjs' } };
  await writeFile(join(modules, THIN_PACKAGE, 'package.json'), JSON.stringify(thin));
  await writeFile(join(modules, THIN_PACKAGE, 'index.mjs'), "export * from 'node:https';\n");
  await writeFile(join(modules, THIN_PACKAGE, 'index.cjs'), "module.exports = require('node:https');\n");
  for (const probe of Object.values(PROBES))
    await copyFile(new URL(`support/${probe}`, import.meta.url), join(folder, probe));
}

async function timeOf({ way, specifier, then = '' }, folder) {
  const { stdout } = await runFile(process.execPath, [PROBES[way], specifier, then], {
    cwd: folder,
    timeout: TIMEOUT_MS,
  });
  return Number(stdout);
}

function resultOf(ways) {
  const table = [['', 'median', 'quartiles', 'over node:https']];
  const figures = [];
  for (const { way, specifier, then, times } of ways) {
    const { median, q1, q3 } = summaryOf(times);
    const base = ways.find((other) => other.way === way && other.specifier === 'node:https');
    const overBase = median - summaryOf(base.times).median;
    table.push([
      `${way} ${specifier}${then === undefined ? '' : `, ${then}`}`,
      milliseconds(median),
      `${milliseconds(q1)} - ${milliseconds(q3)}`,
      specifier === 'node:https' ? '' : milliseconds(overBase),
    ]);
    if (specifier === 'tlsmith') {
      figures.push({
        name: `${way}${then === undefined ? '' : `, ${then}`}, over node:https`,
        value: overBase,
        unit: ' ms',
        digits: 1,
        ...(then === undefined ? { atMost: TARGET_MS } : {}),
      });
    }
  }
  printTable(table);
  return {
    title,
    figures,
    failures: [],
    details: Object.fromEntries(
      ways.map(({ way, specifier, then = '', times }) => [`${way} ${specifier} ${then}`.trim(), times]),
    ),
  };
}
