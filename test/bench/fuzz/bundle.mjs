// Source files as a module of plain JavaScript: the parsers are no public exports, and tsx would slow them down.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { checkout } from '../support/built-package.mjs';

/** What a file below src exports. */
export async function importSource(name) {
  const folder = await mkdtemp(join(tmpdir(), 'tlsmith-bench-'));
  try {
    const outfile = join(folder, 'source.mjs');
    await build({
      entryPoints: [join(checkout, 'src', name)],
      outfile,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      logLevel: 'error',
    });
    return await import(pathToFileURL(outfile).href);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
