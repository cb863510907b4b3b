// The certificate of a web server as files for the mail server beside it, which is told whenever they change.
// DOMAIN and DIRECTORY_URL make it yours; RELOAD is the command that has the mail server read its files again.
import { exec } from 'node:child_process';
import { createServer } from 'node:http';
import { promisify } from 'node:util';
import { acme, createSecureServer, fileStorage } from 'tlsmith';

const { DOMAIN = 'example.com', DIRECTORY_URL = 'letsencrypt-staging', SERVER_CA_FILE } = process.env;
const { PORT = '443', STORAGE_DIR, EXPORT_DIR = '/etc/ssl/mail', RELOAD = 'postfix reload' } = process.env;

const app = createServer((request, response) => {
  response.end(`You reached ${request.headers.host}\n`);
});

const certificates = acme({
  domains: DOMAIN,
  termsOfServiceAgreed: true,
  directoryUrl: DIRECTORY_URL,
  exportTo: {
    certFile: `${EXPORT_DIR}/{name}/fullchain.pem`,
    keyFile: `${EXPORT_DIR}/{name}/privkey.pem`,
    mode: 0o640, // the group of the folder may read the key; 0o600 without it
    async hook({ names, signal }) {
      await promisify(exec)(RELOAD, { signal });
      console.log(`Exported: ${names.join(', ')}`);
    },
  },
  ...(SERVER_CA_FILE === undefined ? {} : { serverCaFile: SERVER_CA_FILE }),
});
const secure = createSecureServer({ sources: certificates, storage: fileStorage(STORAGE_DIR) }, app);
await secure.listen(Number(PORT));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void secure.close());
console.log('Listening at', secure.urls[0]);
