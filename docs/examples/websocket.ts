// WebSockets with ws, on the same port as everything else: upgrades reach the http.Server as always.
import { createServer } from 'node:http';
import { createSecureServer, selfSigned } from 'tlsmith';
import { WebSocketServer } from 'ws';

const server = createServer((request, response) => {
  response.end(`WebSockets are at wss://${request.headers.host}/\n`);
});
const sockets = new WebSocketServer({ server });
sockets.on('connection', (socket) => {
  socket.on('message', (message, isBinary) => {
    socket.send(message, { binary: isBinary });
  });
});

const secure = createSecureServer({ sources: selfSigned() }, server);
await secure.listen(Number(process.env['PORT'] ?? 8443));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, end);
console.log('Listening at', secure.urls[0]);

function end(): void {
  // Said goodbye to, clients leave at once; without it they may stay for the grace of close(), ten seconds.
  for (const socket of sockets.clients) socket.close(1001);
  void secure.close();
}
