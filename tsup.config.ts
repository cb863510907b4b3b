import { defineConfig } from 'tsup';

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
});
