// A server process for floods: one certificate, and what is done with names that nobody has.
import { answerCalls } from '../child.mjs';
import { BODY } from '../protocol.mjs';
import { resourceCounts } from '../resource-counts.mjs';

let secure;

answerCalls({
  ...resourceCounts,

  open: async ({ entry, pair, unknownName }) => {
    const { createSecureServer, pemPair } = await import(entry);
    secure = createSecureServer(
      { sources: pemPair(pair), unknownName, logger: false },
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
