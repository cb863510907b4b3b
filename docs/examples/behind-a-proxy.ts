// Behind a proxy that ends TLS: it speaks plain HTTP to the companion listener, and is believed when it says HTTPS.
import { createSecureServer, selfSigned } from 'tlsmith';

const secure = createSecureServer(
  {
    sources: selfSigned(),
    http: { port: Number(process.env['HTTP_PORT'] ?? 8080), host: '127.0.0.1' },
    trustProxy: ['127.0.0.1', '10.0.0.5'],
    publicUrl: 'https://example.com',
    hsts: { maxAge: 300 },
  },
  (request, response) => {
    const host = request.headers['x-forwarded-host'] ?? request.headers.host;
    response.end(`Hello from ${String(host)}\n`);
  },
);
await secure.listen({ port: Number(process.env['PORT'] ?? 8443), host: '127.0.0.1' });
for (const { protocol, port } of secure.status().listeners)
  console.log(`Listening at ${protocol}://localhost:${port}`);
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void secure.close());
