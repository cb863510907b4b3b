// Fastify 5 with its own HTTPS server: tlsmith only supplies the TLS options. See docs/frameworks.md for the price.
import Fastify from 'fastify';
import { createSecureServer, selfSigned } from 'tlsmith';

const secure = await createSecureServer({ sources: selfSigned() }).start();
const app = Fastify({ https: secure.tlsOptions });
app.get('/', (request) => ({ protocol: request.protocol, hello: 'Fastify' }));

const url = await app.listen({ port: Number(process.env['PORT'] ?? 8443) });
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void end());
console.log('Listening at', url);

async function end(): Promise<void> {
  await app.close();
  await secure.close();
}
