// Everybody may look at localhost; at admin.localhost only clients that an authority of yours has certified.
import { createServer } from 'node:http';
import { TLSSocket } from 'node:tls';
import { createSecureServer, selfSigned } from 'tlsmith';

const app = createServer((request, response) => {
  const { socket } = request;
  // Never getPeerCertificate(): for some curves it ends the process on Node 24 and 26.
  const isKnown = socket instanceof TLSSocket && socket.authorized;
  const client = isKnown ? socket.getPeerX509Certificate() : undefined;
  response.end(`Hello, ${client?.subject ?? 'stranger'}\n`);
});

const secure = createSecureServer(
  {
    sources: selfSigned({ names: ['localhost', 'admin.localhost'] }),
    policies: {
      'admin.localhost': {
        clientAuth: {
          mode: 'require',
          caFile: process.env['CLIENT_CA'] ?? 'client-ca.pem',
          allow: ({ subject }) => subject !== 'CN=former',
        },
      },
    },
  },
  app,
);
await secure.listen(Number(process.env['PORT'] ?? 8443));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void secure.close());
console.log('Listening at', secure.urls[0]);
