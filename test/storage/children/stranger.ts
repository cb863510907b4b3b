// Uses a folder as a user without rights; says the error of each step.
import { codeOf, messageOf } from '../../../src/errors.js';
import { fileStorage } from '../../../src/storage/file-storage.js';

const [directory = '', uid] = process.argv.slice(2);
const storage = fileStorage(directory);
// Loads what the storage needs, which the user may not be able to read: the checkout may be private.
await storage.get('k').catch(() => undefined);
process.setgroups?.([]);
process.setgid?.(Number(uid));
process.setuid?.(Number(uid));
const steps: (() => Promise<unknown>)[] = [
  () => storage.put('k', Buffer.from('x')),
  () => storage.lock('k'),
  () => storage.delete('k'),
  () => storage.get('k'),
  () => storage.list('')[Symbol.asyncIterator]().next(),
];
for (const step of steps) {
  try {
    await step();
    console.log('fine');
  } catch (error) {
    console.log(`${codeOf(error)} ${messageOf(error)}`);
  }
}
