// Makes the lazy pieces of the CommonJS build load by require() instead of import(). Node's import() of a CommonJS file
// reads it once more for the names it exports, which on Node 20 is a third of the time that the first server takes to
// start. The paths stay literal, for tools that collect the files of a program; packages are left as they are.
import remapping from '@jridgewell/remapping';
import MagicString from 'magic-string';
import { readdir, readFile, writeFile } from 'node:fs/promises';

const dist = new URL('../dist/', import.meta.url);
const LAZY = /\bimport\((["'])(\.\/[\w.-]+\.cjs)\1\)/g;

let count = 0;
for (const file of await readdir(dist)) if (file.endsWith('.cjs')) count += await rewrite(file);
if (count === 0) throw new Error('No lazy piece is left: has the form of the build changed?');

/** Answers how many it has rewritten. */
async function rewrite(file) {
  const text = await readFile(new URL(file, dist), 'utf8');
  const changed = new MagicString(text);
  changed.replaceAll(
    LAZY,
    (_, quote, path) => `Promise.resolve().then(()=>require(${quote}${path}${quote}))`,
  );
  if (!changed.hasChanged()) return 0;
  const mapFile = new URL(`${file}.map`, dist);
  const original = JSON.parse(await readFile(mapFile, 'utf8'));
  const own = changed.generateMap({ source: file, hires: true });
  const map = remapping(own, (source) => (source === file ? original : null));
  await writeFile(new URL(file, dist), changed.toString());
  await writeFile(mapFile, map.toString());
  return text.match(LAZY).length;
}
