// Express 5. It serves HTTP/1.1 only; `http2: true` with an Express app is a TypeError that says so.
import express from 'express';
import { createSecureServer, selfSigned } from 'tlsmith';

const app = express();
app.get('/', (request, response) => {
  response.json({ secure: request.secure, protocol: request.protocol });
});

const secure = createSecureServer({ sources: selfSigned() }, app);
await secure.listen(Number(process.env['PORT'] ?? 8443));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void secure.close());
console.log('Listening at', secure.urls[0]);
