// Fastify 5 behind tlsmith: Fastify makes the server and listens, tlsmith stands in front of it.
import { createServer } from 'node:http';
import Fastify from 'fastify';
import { createSecureServer, selfSigned } from 'tlsmith';

const secure = createSecureServer({ sources: selfSigned() });
const app = Fastify({
  serverFactory: (handler) => {
    const server = createServer(handler);
    secure.attach(server);
    return server;
  },
});
app.get('/', (request) => ({ protocol: request.protocol, hello: 'Fastify' }));

// Not required, since listen() makes tlsmith start too; but here a missing file is an error that can be caught.
await secure.start();
await app.listen({ port: Number(process.env['PORT'] ?? 8443) });
// When the last server of Fastify has closed, tlsmith closes by itself.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void app.close());
console.log('Listening at', secure.urls[0]);
