// What certbot has obtained, all lineages of it. A renewal is served as soon as certbot has written it: no deploy hook.
import { createServer } from 'node:http';
import { createSecureServer, directory } from 'tlsmith';

const app = createServer((request, response) => {
  response.end(`You reached ${request.headers.host}\n`);
});

const sources = directory(process.env['CERTBOT_DIR'] ?? '/etc/letsencrypt/live');
const secure = createSecureServer({ sources, http: { port: Number(process.env['HTTP_PORT'] ?? 80) } }, app);
await secure.listen(Number(process.env['PORT'] ?? 443));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void secure.close());
console.log('Listening at', secure.urls[0]);
