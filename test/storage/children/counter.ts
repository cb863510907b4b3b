// Adds one, so many times, by reading and replacing.
import { codeOf } from '../../../src/errors.js';
import { fileStorage } from '../../../src/storage/file-storage.js';

const [directory, times] = process.argv.slice(2);
const storage = fileStorage(directory);
for (let added = 0; added < Number(times);) {
  const value = await storage.get('count');
  const count = Number(value ? Buffer.from(value.bytes).toString() : 0);
  try {
    await storage.put('count', Buffer.from(String(count + 1)), { ifVersion: value?.version ?? null });
    added += 1;
  } catch (error) {
    if (codeOf(error) !== 'STORAGE_VERSION_CONFLICT') throw error;
  }
}
