// Koa 3, which can serve HTTP/2 too.
import Koa from 'koa';
import { createSecureServer, selfSigned } from 'tlsmith';

const app = new Koa();
app.use((context) => {
  context.body = { secure: context.secure, httpVersion: context.req.httpVersion };
});

const secure = createSecureServer({ sources: selfSigned(), http2: true }, app.callback());
await secure.listen(Number(process.env['PORT'] ?? 8443));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void secure.close());
console.log('Listening at', secure.urls[0]);
