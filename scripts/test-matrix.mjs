// The suite and the tarball, with every Node that the package supports besides the one installed. The binaries
// come from the npm package `node` into .matrix/, which git ignores; `npm test` never depends on them.
// Usage: npm run build && npm run test:matrix [-- 22 24]
import { spawn } from 'node:child_process';
import { access } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const checkout = fileURLToPath(new URL('..', import.meta.url));
const versions = process.argv.length > 2 ? process.argv.slice(2) : ['22', '24', '26'];

const results = [];
for (const version of versions) results.push(...(await test(version)));

console.log('\nNode       check    result');
for (const { node, check, passed } of results) {
  console.log(`${node.padEnd(10)} ${check.padEnd(8)} ${passed ? 'passed' : 'FAILED'}`);
}
const failed = results.filter(({ passed }) => !passed).length;
console.log(`${results.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

/** Runs all checks with one Node. */
async function test(version) {
  const node = await install(version);
  if (node === undefined) return [{ node: version, check: 'install', passed: false }];
  const checks = {
    suite: [join('node_modules', 'jest', 'bin', 'jest.js')],
    tarball: [join('scripts', 'smoke-test-tarball.mjs')],
  };
  const outcomes = [];
  for (const [check, args] of Object.entries(checks)) {
    console.log(`\n=== Node ${version}: ${check}`);
    // Children of the tests (npm, a second node) have to find the same Node first.
    const path = `${dirname(node)}${delimiter}${process.env.PATH ?? ''}`;
    outcomes.push({
      node: version,
      check,
      passed: await succeeds(node, args, { ...process.env, PATH: path }),
    });
  }
  return outcomes;
}

/** The path of the binary of this major version; undefined when it cannot be installed. */
async function install(version) {
  const folder = join(checkout, '.matrix', version);
  const binary = join(folder, 'node_modules', 'node', 'bin', 'node');
  const isThere = await access(binary).then(
    () => true,
    () => false,
  );
  if (isThere) return binary;
  console.log(`\n=== Installing node@${version}`);
  const flags = ['--no-audit', '--no-fund', '--no-save', '--loglevel=error'];
  const isInstalled = await succeeds('npm', ['install', '--prefix', folder, ...flags, `node@${version}`]);
  return isInstalled ? binary : undefined;
}

function succeeds(program, args, env = process.env) {
  const child = spawn(program, args, { cwd: checkout, env, stdio: ['ignore', 'inherit', 'inherit'] });
  return new Promise((resolve) => {
    child.once('error', () => resolve(false)).once('close', (exitCode) => resolve(exitCode === 0));
  });
}
