// The built package: where it is, and building it when it is missing or older than the source.
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const checkout = fileURLToPath(new URL('../../..', import.meta.url));

/** A folder with `package.json` and a current `dist`: the checkout's own (built if need be), or the given one. */
export function builtPackage(folder) {
  if (folder === undefined && !isCurrent()) build();
  const root = folder === undefined ? checkout : resolve(folder);
  return { root, entry: pathToFileURL(join(root, 'dist', 'index.js')).href };
}

function isCurrent() {
  const built = Math.min(modifiedAt('dist/index.js'), modifiedAt('dist/index.cjs'));
  const sources = readdirSync(join(checkout, 'src'), { recursive: true }).map((name) => join('src', name));
  return [...sources, 'package.json', 'tsup.config.ts'].every((name) => modifiedAt(name) <= built);
}

function modifiedAt(name) {
  return statSync(join(checkout, name), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function build() {
  console.log('dist is missing or older than src: npm run build');
  const { status } = spawnSync('npm', ['run', '--silent', 'build'], {
    cwd: checkout,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) throw new Error('npm run build has failed; run it by itself to see why');
}
