import { describe, it } from '@jest/globals';
import { join } from 'node:path';
import { fileStorage } from '../../src/storage/file-storage.js';
import { memoryStorage } from '../../src/storage/memory-storage.js';
import { storageConformance } from '../../src/testing/index.js';
import { temporaryFolder } from './temporary-folder.js';

describe('fileStorage keeps the contract: it', () => {
  const open = async () => {
    const folder = join(await temporaryFolder(), 'made', 'by', 'storage');
    return { storage: fileStorage(folder), another: () => fileStorage(folder), close: () => undefined };
  };
  for (const { name, run } of storageConformance(open)) it(name, run);
});

describe('memoryStorage keeps the contract: it', () => {
  const open = () => {
    const storage = memoryStorage();
    return Promise.resolve({ storage, another: () => storage, close: () => undefined });
  };
  for (const { name, run } of storageConformance(open)) it(name, run);
});
