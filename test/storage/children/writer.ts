// Writes values that prove themselves (a digest before a body) until it is killed.
import { createHash, randomBytes } from 'node:crypto';
import { fileStorage } from '../../../src/storage/file-storage.js';

const [directory] = process.argv.slice(2);
const storage = fileStorage(directory);
await storage.get('k0'); // Loads what it needs: from now on it writes.
console.log('ready');
for (let round = 0; ; round += 1) {
  const body = randomBytes(1 + ((round * 7919) % 40_000));
  const key = `k${round % 3}`;
  if (round % 17 === 16) await storage.delete(key);
  else await storage.put(key, Buffer.concat([createHash('sha256').update(body).digest(), body]));
}
