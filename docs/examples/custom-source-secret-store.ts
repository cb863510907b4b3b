// Serves what a secret store has, with the source of docs/examples/secret-store-source.ts.
import { createServer } from 'node:http';
import { createSecureServer, selfSigned } from 'tlsmith';
import { SecretStoreSource } from './secret-store-source.js';
import { MemorySecrets } from './support/memory-secrets.js';

const store = new MemorySecrets();
await store.renew('secret.localhost');

const app = createServer((request, response) => {
  response.end(`You reached ${request.headers.host}\n`);
});
const sources = [new SecretStoreSource(store, 'secret.localhost'), selfSigned()];
const secure = createSecureServer({ sources }, app);
await secure.listen(Number(process.env['PORT'] ?? 8443));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void secure.close());
console.log('Listening at', secure.urls[0]);
