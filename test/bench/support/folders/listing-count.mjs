// Counts how often a folder is listed: to be asked for before the package is imported.
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

/** Returns a function that says how often this folder has been listed since. */
export function countListings(folder) {
  let count = 0;
  for (const method of ['readdir', 'opendir']) {
    const original = fs[method];
    fs[method] = (path, ...rest) => {
      if (path === folder) count += 1;
      return original(path, ...rest);
    };
  }
  syncBuiltinESMExports();
  return () => count;
}
