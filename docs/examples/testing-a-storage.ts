// Every promise of the Storage interface, as test cases for any test runner.
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { memoryStorage } from 'tlsmith';
import { storageConformance } from 'tlsmith/testing';
import { encryptedStorage } from './encrypted-storage.js';

void describe('encryptedStorage', () => {
  const open = () => {
    const secret = randomBytes(32);
    const shared = memoryStorage();
    const handle = () => encryptedStorage(shared, secret);
    return Promise.resolve({ storage: handle(), another: handle, close: () => undefined });
  };
  for (const { name, run } of storageConformance(open)) void it(name, run);
});
