// You have a server for plain HTTP already: requestListener() answers ACME challenges on it and redirects the rest,
// or calls your own listener. (Without such a server, `http: { port: 80 }` opens one for you.)
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createSecureServer, selfSigned } from 'tlsmith';

const app = createServer((_request, response) => {
  response.end('over TLS\n');
});
const secure = createSecureServer({ sources: selfSigned() }, app);
const redirect = secure.requestListener();

const plain = createServer((request, response) => {
  if (request.url === '/health') response.end('ok\n');
  else redirect(request, response);
});

await secure.listen(Number(process.env['PORT'] ?? 8443));
plain.listen(Number(process.env['HTTP_PORT'] ?? 8080));
await once(plain, 'listening');
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, end);
console.log('Listening at', secure.urls[0]);
console.log('Plain HTTP at', plain.address());

function end(): void {
  plain.close();
  void secure.close();
}
