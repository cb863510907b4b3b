// A server process for floods: one certificate, and what is done with names that nobody has; or node alone, which answers
// whatever comes with an alert, to see what a connection takes at the least.
import { once } from 'node:events';
import { createServer } from 'node:net';
import { answerCalls } from '../child.mjs';
import { BODY } from '../protocol.mjs';
import { resourceCounts } from '../resource-counts.mjs';

/** A fatal alert (RFC 8446 §6). */
const UNRECOGNIZED_NAME = Buffer.from([21, 3, 3, 0, 2, 2, 112]);

let secure;

answerCalls({
  ...resourceCounts,

  open: async ({ entry, pair, kind }) => {
    if (kind === 'alone') return openAlone();
    const { createSecureServer, pemPair } = await import(entry);
    secure = createSecureServer(
      { sources: pemPair(pair), unknownName: kind, logger: false },
      (_request, response) => response.end(BODY),
    );
    await secure.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 });
    return secure.server.address().port;
  },

  /** How many connections were counted with this result. */
  counted: ({ result }) => {
    const line = new RegExp(`^tlsmith_handshakes_total\\{result="${result}"\\} (\\d+)$`, 'm');
    return Number(line.exec(secure.metrics())?.[1] ?? 0);
  },
});

async function openAlone() {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(UNRECOGNIZED_NAME));
  });
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 });
  await once(server, 'listening');
  return server.address().port;
}
