// A Kubernetes secret of the type kubernetes.io/tls, mounted as a folder. An updated secret is served without a restart;
// certificate and key are always read from the same version of it.
import { createServer } from 'node:http';
import { createSecureServer, filePair } from 'tlsmith';

const app = createServer((request, response) => {
  response.end(`You reached ${request.headers.host}\n`);
});

const folder = process.env['CERTS_DIR'] ?? '/certs';
const sources = filePair({ certFile: `${folder}/tls.crt`, keyFile: `${folder}/tls.key` });
const secure = createSecureServer({ sources }, app);
await secure.listen(Number(process.env['PORT'] ?? 8443));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void secure.close());
console.log('Listening at', secure.urls[0]);
