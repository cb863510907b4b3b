// Takes a lease, says its token, and obeys: `put <text>`, `release`. Says when the lease is lost.
import { createInterface } from 'node:readline';
import { codeOf } from '../../../src/errors.js';
import { fileStorage } from '../../../src/storage/file-storage.js';

const [directory, leaseMs] = process.argv.slice(2);
const storage = fileStorage(directory);
const lease = await storage.lock('k', { leaseMs: Number(leaseMs) });
lease.signal.addEventListener('abort', () => {
  console.log(`lost ${codeOf(lease.signal.reason)}`);
});
console.log(`token ${lease.token}`);

for await (const line of createInterface(process.stdin)) {
  const [command, text = ''] = line.split(' ');
  if (command === 'release') await lease.release();
  if (command === 'put')
    await storage.put('k', Buffer.from(text), { lease }).then(() => {
      console.log('put');
    }, say);
}

function say(error: unknown): void {
  console.log(codeOf(error));
}
