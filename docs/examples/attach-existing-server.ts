// A server that exists already, with a life of its own: attach() makes its port a TLS port. Its timeouts, upgrades
// and close() work as before, and when it has closed, tlsmith closes too.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createSecureServer, selfSigned } from 'tlsmith';

const server = createServer((_request, response) => {
  response.end('still the same server\n');
});
server.keepAliveTimeout = 1_000;

const secure = createSecureServer({ sources: selfSigned(), plainHttp: 'redirect' }).attach(server);
await secure.start();

server.listen(Number(process.env['PORT'] ?? 8443));
await once(server, 'listening');
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => server.close());
console.log('Listening at', secure.urls[0]);
