// HTTPS with certificates that are ordered and renewed in here, from Let's Encrypt or any other ACME authority.
// DOMAINS=example.com,www.example.com makes it yours; without DIRECTORY_URL it begins with the test authority.
import { createServer } from 'node:http';
import { acme, createSecureServer, fileStorage } from 'tlsmith';

const { DOMAINS = 'example.com', DIRECTORY_URL = 'letsencrypt-staging', SERVER_CA_FILE } = process.env;
const { PORT = '443', HTTP_PORT = '80', STORAGE_DIR } = process.env;

const app = createServer((request, response) => {
  response.end(`You reached ${request.headers.host}\n`);
});

const certificates = acme({
  domains: DOMAINS,
  termsOfServiceAgreed: true,
  directoryUrl: DIRECTORY_URL,
  ...(SERVER_CA_FILE === undefined ? {} : { serverCaFile: SERVER_CA_FILE }),
});
const secure = createSecureServer(
  {
    sources: certificates,
    storage: fileStorage(STORAGE_DIR), // has to survive restarts: each new one would order anew
    http: Number(HTTP_PORT), // answers http-01 challenges, redirects everything else
  },
  app,
);
secure.on('certificate', ({ action, names, notAfter }) => {
  console.log(`Certificate ${action}: ${names.join(', ')}, until ${notAfter}`);
});
secure.on('failed', ({ error, nextAttempt }) => {
  console.log(`${error.code}: ${error.message} Next try: ${nextAttempt ?? 'when you ask for it'}`);
});

await secure.listen(Number(PORT));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void secure.close());
console.log('Listening at', secure.urls[0]);
