import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type Options, defineConfig } from 'tsup';

type Plugin = NonNullable<Options['esbuildPlugins']>[number];

const ENTRY_POINTS = { index: 'src/index.ts', testing: 'src/testing/index.ts' };

const COMMON: Options = {
  target: 'node20',
  platform: 'node',
  splitting: true,
  treeshake: true,
  sourcemap: true,
  clean: false,
  removeNodeProtocol: false,
  // Names stay, so stack traces read as the source does.
  minifyWhitespace: true,
  minifySyntax: true,
};

/**
 * Every file that is loaded costs half a millisecond, and esbuild makes one for each set of modules that the same lazy
 * pieces share. A piece that refers to the whole of index.ts shares all of it, which leaves one.
 */
const oneEagerChunk: Plugin = {
  name: 'one-eager-chunk',
  setup(build) {
    build.onResolve({ filter: /^\.{1,2}\/.*\.js$/ }, ({ kind, path, resolveDir }) => {
      if (kind !== 'dynamic-import') return undefined;
      return { path: resolve(resolveDir, path.replace(/\.js$/, '.ts')), pluginData: 'lazy' };
    });
    build.onLoad({ filter: /\.ts$/ }, async ({ path, pluginData }) => {
      if (pluginData !== 'lazy') return undefined;
      const text = await readFile(path, 'utf8');
      return { contents: `${text}\nexport * from '${resolve('src/index.ts')}';`, loader: 'ts' };
    });
  },
};

export default defineConfig([
  // What node runs; scripts/write-entry-points.mjs puts index.js, index.cjs and testing.js before it.
  {
    ...COMMON,
    format: 'cjs',
    entry: { library: 'src/index.ts', errors: 'src/errors.ts', testing: 'src/testing/index.ts' },
    esbuildPlugins: [oneEagerChunk],
  },
  // What bundlers take, by the condition `module`: plain modules that they can follow.
  { ...COMMON, format: 'esm', entry: ENTRY_POINTS, outDir: 'dist/module' },
  { entry: ENTRY_POINTS, format: ['esm', 'cjs'], dts: { only: true }, clean: false },
]);
