// Behind a proxy that passes TLS on: its PROXY header tells who the client is.
import { createSecureServer, selfSigned } from 'tlsmith';

const secure = createSecureServer(
  {
    sources: selfSigned(),
    proxyProtocol: { from: ['127.0.0.1', '10.0.0.5', 'fd00::/8'] },
    allowPeers: ['172.16.0.0/24', 'fd00::/8', '192.0.2.1'],
  },
  (request, response) => {
    response.end(`Hello, ${request.socket.remoteAddress}\n`);
  },
);
await secure.listen({ port: Number(process.env['PORT'] ?? 8443), host: '127.0.0.1' });
console.log('Listening at', secure.urls[0]);
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void secure.close());
