// Before a run of jest: compiles the examples and the children of tests, once for all of them. Node starts what comes
// of it in a fifth of the time that tsx takes. programs.ts tells where it is.
const { mkdtemp, readdir, symlink, writeFile } = require('node:fs/promises');
const { tmpdir } = require('node:os');
const { dirname, join } = require('node:path');
const { build } = require('esbuild');

const CHECKOUT = dirname(require.resolve('../../package.json'));

module.exports = async function compilePrograms() {
  const folder = await mkdtemp(join(tmpdir(), 'tlsmith-programs-'));
  process.env.TLSMITH_TEST_PROGRAMS = folder;
  await build({
    ...{ absWorkingDir: CHECKOUT, entryPoints: await programs(), outbase: '.', outdir: folder },
    ...{ bundle: true, splitting: true, format: 'esm', platform: 'node', target: 'node20' },
    // As in tsconfig.json, which esbuild would ask too late: they look like packages.
    alias: {
      tlsmith: join(CHECKOUT, 'src/index.ts'),
      'tlsmith/testing': join(CHECKOUT, 'src/testing/index.ts'),
    },
    packages: 'external',
    sourcemap: 'linked',
  });
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  await symlink(join(CHECKOUT, 'node_modules'), join(folder, 'node_modules'), 'junction');
};

/** The library itself, the examples, and whatever lies in a folder called `children`. */
async function programs() {
  const entries = await readdir(join(CHECKOUT, 'test'), { recursive: true, withFileTypes: true });
  const children = entries
    .filter(
      (entry) => entry.isFile() && /[\\/]children$/.test(entry.parentPath) && entry.name.endsWith('.ts'),
    )
    .map((entry) => join(entry.parentPath, entry.name));
  const examples = (await readdir(join(CHECKOUT, 'docs', 'examples')))
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(CHECKOUT, 'docs', 'examples', name));
  return [join(CHECKOUT, 'src', 'index.ts'), ...examples, ...children];
}
