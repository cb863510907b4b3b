// The first program of the README.
import { createSecureServer, selfSigned } from 'tlsmith';

const secure = createSecureServer({ sources: selfSigned() }, (request, response) => {
  response.end(`Hello, you asked for ${request.url}\n`);
});
await secure.listen(Number(process.env['PORT'] ?? 8443));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void secure.close());
console.log('Listening at', secure.urls[0]);
