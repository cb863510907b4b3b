/** Which keys have a value, read from the names of folders and files alone. */
import { join } from 'node:path';
import { entriesOf, readKeyFolder } from './key-folder.js';
import { reading } from './storage-faults.js';
import { segmentOf } from './storage-key.js';

/** The keys under the folder `root()` that start with `prefix`. */
export async function* listKeys(root: () => string, prefix: string): AsyncGenerator<string> {
  const folder = root();
  const pending: Found[] = await reading(folder, () => subfolders({ folder, key: '' }));
  for (let found = pending.pop(); found !== undefined; found = pending.pop()) {
    const { key } = found;
    const isWanted = key.startsWith(prefix);
    if (!isWanted && !prefix.startsWith(`${key}/`)) continue;
    const here = found;
    if (isWanted && (await reading(folder, () => hasValue(here)))) yield key;
    pending.push(...(await reading(folder, () => subfolders(here))));
  }
}

interface Found {
  readonly folder: string;
  readonly key: string;
}

async function subfolders({ folder, key }: Found): Promise<Found[]> {
  const entries = (await entriesOf(folder)).filter((entry) => entry.isDirectory());
  return entries.flatMap(({ name }) => {
    const segment = segmentOf(name);
    return segment === undefined
      ? []
      : { folder: join(folder, name), key: key === '' ? segment : `${key}/${segment}` };
  });
}

async function hasValue({ folder }: Found): Promise<boolean> {
  const { generations } = await readKeyFolder(folder);
  return generations[0]?.isTombstone === false;
}
