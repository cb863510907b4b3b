// Installs the packed package as a user would and uses it: from ESM and CJS, by value and by type.
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const checkout = fileURLToPath(new URL('..', import.meta.url));
const consumers = join(checkout, 'scripts', 'smoke-test');

const folder = await mkdtemp(join(tmpdir(), 'tlsmith-tarball-'));
try {
  await installTarball();
  for (const name of await readdir(consumers)) {
    await writeFile(join(folder, name), await readFile(join(consumers, name)));
  }
  await step('ESM', ['node', 'esm.mjs']);
  await step('CJS', ['node', 'cjs.cjs']);
  await step('ESM beside CJS', ['node', 'both.mjs']);
  await bundled();
  await step('types', [
    'node',
    join(checkout, 'node_modules', 'typescript', 'bin', 'tsc'),
    '-p',
    'tsconfig.json',
  ]);
  console.log('The tarball works.');
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** Packs the checkout and installs the tarball into the folder. Lifecycle scripts are left out: it is built. */
async function installTarball() {
  await run(['npm', 'pack', '--silent', '--ignore-scripts', '--pack-destination', folder], checkout);
  const tarball = (await readdir(folder)).find((name) => name.endsWith('.tgz'));
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'consumer', private: true }));
  const flags = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
  await step(`install ${basename(tarball)}`, [
    'npm',
    'install',
    '--prefix',
    folder,
    ...flags,
    join(folder, tarball),
  ]);
  // A consumer in TypeScript has the types of Node; the checkout's cost no download.
  const types = join(folder, 'node_modules', '@types');
  await rm(types, { recursive: true, force: true });
  await symlink(join(checkout, 'node_modules', '@types'), types);
}

/** Bundles what uses the package and runs it in a folder that does not have the package. */
async function bundled() {
  const apart = await mkdtemp(join(tmpdir(), 'tlsmith-bundle-'));
  try {
    const esbuild = join(checkout, 'node_modules', '.bin', 'esbuild');
    const flags = ['--bundle', '--platform=node', '--format=cjs', '--log-level=error'];
    for (const entry of ['bundled.mjs', 'cjs.cjs']) {
      const outfile = join(apart, `${basename(entry)}.bundle.cjs`);
      await step(`bundle ${entry}`, [esbuild, entry, ...flags, `--outfile=${outfile}`]);
      await run(['node', outfile], apart);
    }
  } finally {
    await rm(apart, { recursive: true, force: true });
  }
}

async function step(title, command) {
  const start = performance.now();
  await run(command, folder);
  console.log(`ok ${title} (${Math.round(performance.now() - start)} ms)`);
}

/** Runs a command; rejects with all that it printed when it fails. */
async function run([program, ...args], cwd) {
  // The node that runs this script runs everything else as well.
  const executable = program === 'node' ? process.execPath : program;
  const child = spawn(executable, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const exitCode = await new Promise((resolve, reject) => {
    child.once('error', reject).once('close', resolve);
  });
  if (exitCode !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${exitCode}:\n${output}`);
}
