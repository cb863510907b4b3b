import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type Options, defineConfig } from 'tsup';

type Plugin = NonNullable<Options['esbuildPlugins']>[number];

/**
 * Every file that an import loads at once costs half a millisecond, and esbuild makes one for each set of modules that
 * the same lazy pieces share. A piece that refers to the whole of index.ts shares all of it, which leaves one.
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

export default defineConfig({
  entry: { index: 'src/index.ts', testing: 'src/testing/index.ts' },
  format: ['esm', 'cjs'],
  target: 'node20',
  platform: 'node',
  // Both together give modern CJS with shared chunks, so a class has one identity across entry points.
  splitting: true,
  treeshake: true,
  dts: true,
  sourcemap: true,
  clean: false,
  removeNodeProtocol: false,
  esbuildPlugins: [oneEagerChunk],
  // Most of what is left of an import is compiling text. Names stay, so stack traces read as the source does.
  minifyWhitespace: true,
  minifySyntax: true,
});
