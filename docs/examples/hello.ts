// The first program of the README.
import { createServer } from 'node:http';
import { createSecureServer, selfSigned } from 'tlsmith';

const app = createServer((request, response) => {
  response.end(`Hello, you asked for ${request.url}\n`);
});

const secure = createSecureServer({ sources: selfSigned() }, app);
await secure.listen(Number(process.env['PORT'] ?? 8443));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void secure.close());
console.log('Listening at', secure.urls[0]);
