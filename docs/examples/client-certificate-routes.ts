// One page for clients that an authority of yours has certified, the others for everybody.
import { readFileSync } from 'node:fs';
import express from 'express';
import { createSecureServer, requireClientCert, selfSigned } from 'tlsmith';

const ca = readFileSync(process.env['CLIENT_CA'] ?? 'client-ca.pem');
const app = express();
app.use('/admin', requireClientCert({ ca, allow: ({ subject }) => subject !== 'CN=former' }));
app.get('/admin', (_request, response) => void response.send('Hello, admin\n'));
app.get('/', (_request, response) => void response.send('Hello, world\n'));

const secure = createSecureServer({ sources: selfSigned(), clientAuth: { mode: 'request', ca } }, app);
await secure.listen(Number(process.env['PORT'] ?? 8443));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void secure.close());
console.log('Listening at', secure.urls[0]);
