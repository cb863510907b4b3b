// How to test a source of your own, with any test runner: a server is started without a socket, and asked.
import assert from 'node:assert/strict';
import { it, type TestContext } from 'node:test';
import { createSecureServer, type SecureServer } from 'tlsmith';
import { SecretStoreSource } from './secret-store-source.js';
import { MemorySecrets } from './support/memory-secrets.js';

void it('reads a secret once, however many ask for its name at the same time', async (test) => {
  const { store, secure } = await started(test);
  const contexts = await Promise.all([secure.resolve('a.test'), secure.resolve('A.TEST.')]);
  assert.ok(contexts[0]);
  assert.equal(contexts[0], contexts[1]);
  assert.equal(store.reads, 1);
});

void it('serves the new version of a secret after a reload', async (test) => {
  const { store, secure } = await started(test);
  await secure.resolve('a.test');
  const before = serialNumber(secure);
  await store.renew('a.test');
  await secure.reload();
  assert.notEqual(serialNumber(secure), before);
});

void it('goes on serving while the store is down', async (test) => {
  const { store, secure } = await started(test);
  const before = await secure.resolve('a.test');
  store.isDown = true;
  await assert.rejects(secure.reload(), /does not answer/);
  assert.equal(await secure.resolve('a.test'), before);
});

void it('serves no name that the store does not have', async (test) => {
  const { secure } = await started(test);
  assert.equal(await secure.resolve('b.test'), undefined);
});

async function started(test: TestContext): Promise<{ store: MemorySecrets; secure: SecureServer }> {
  const store = new MemorySecrets();
  await store.renew('a.test');
  const sources = new SecretStoreSource(store, 'a.test');
  const secure = await createSecureServer({ sources, unknownName: 'reject', logger: false }).start();
  test.after(() => secure.close());
  return { store, secure };
}

function serialNumber(secure: SecureServer): string | undefined {
  return secure.status().certificates[0]?.serialNumber;
}
