// Hono 4, through the request listener of @hono/node-server.
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { createSecureServer, selfSigned } from 'tlsmith';

const app = new Hono();
app.get('/', (context) => context.json({ url: context.req.url, hello: 'Hono' }));

const secure = createSecureServer({ sources: selfSigned(), http2: true }, getRequestListener(app.fetch));
await secure.listen(Number(process.env['PORT'] ?? 8443));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void secure.close());
console.log('Listening at', secure.urls[0]);
