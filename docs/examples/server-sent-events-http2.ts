// Server-sent events over HTTP/2: a browser opens as many streams as it likes on one connection.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createSecureServer, selfSigned } from 'tlsmith';

const streams = new Set<ServerResponse>();

function app(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  response.write('data: welcome\n\n');
  streams.add(response);
  response.on('close', () => streams.delete(response));
}

const ticker = setInterval(() => {
  for (const stream of streams) stream.write(`data: ${new Date().toISOString()}\n\n`);
}, 1_000);

const secure = createSecureServer({ sources: selfSigned(), http2: true }, app);
await secure.listen(Number(process.env['PORT'] ?? 8443));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, end);
console.log('Listening at', secure.urls[0]);

function end(): void {
  clearInterval(ticker);
  // A stream is a request that never ends by itself; close() would wait ten seconds for it.
  for (const stream of streams) stream.end();
  void secure.close();
}
