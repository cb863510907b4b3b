// Every certificate that anybody puts into a folder: a person, mkcert, a sync job. Nothing has to be restarted.
import { createServer } from 'node:http';
import { createSecureServer, directory, selfSigned } from 'tlsmith';

const app = createServer((request, response) => {
  response.end(`You reached ${request.headers.host}\n`);
});

// Who asks for a name that no file is for gets default.crt with default.key, which is made when it is not there.
const path = process.env['CERTS_DIR'] ?? 'certs';
const sources = directory({ path, fallback: selfSigned() });
const secure = createSecureServer({ sources }, app);
await secure.listen(Number(process.env['PORT'] ?? 8443));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void secure.close());
console.log('Listening at', secure.urls[0]);
