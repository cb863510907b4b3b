// HTTP/2 and HTTP/1.1 on one port; the client chooses by ALPN.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createSecureServer, selfSigned } from 'tlsmith';

function app(request: IncomingMessage, response: ServerResponse): void {
  response.setHeader('content-type', 'text/plain');
  response.end(`HTTP/${request.httpVersion}\n`);
}

const secure = createSecureServer({ sources: selfSigned(), http2: true }, app);
await secure.listen(Number(process.env['PORT'] ?? 8443));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void secure.close());
console.log('Listening at', secure.urls[0]);
