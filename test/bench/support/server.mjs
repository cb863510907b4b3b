// A server process: bare node or tlsmith, with the same certificates, TLS parameters and handler.
import { createServer as createHttpsServer } from 'node:https';
import { createSecureServer as createHttp2Server } from 'node:http2';
import { once } from 'node:events';
import { createSecureContext } from 'node:tls';
import { BODY } from './protocol.mjs';
import { answerCalls } from './child.mjs';
import { resourceCounts } from './resource-counts.mjs';
import { bareParameters, tlsmithParameters } from './tls-parameters.mjs';

/** The serving certificate of the `swap` source, and the next ones. */
let swappable;

answerCalls({
  open: async ({ kind, ...options }) => (kind === 'tlsmith' ? openTlsmith(options) : openBare(options)),

  ...resourceCounts,

  /** Serves the pair with this index from now on; says when (monotonic clock, shared by all processes). */
  swap: ({ index }) => {
    const at = process.hrtime.bigint();
    swappable.live = swappable.credentials[index];
    swappable.host.changed();
    return at.toString();
  },
});

function handler(_request, response) {
  response.end(BODY);
}

async function openBare({ pairs, http2, sni }) {
  const options = {
    ...bareParameters,
    cert: pairs[0].cert,
    key: pairs[0].key,
    ...(sni ? { SNICallback: contextByName(pairs) } : {}),
  };
  const server = http2
    ? createHttp2Server({ ...options, allowHTTP1: true }, handler)
    : createHttpsServer(options, handler);
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server.address().port;
}

/** What an application without tlsmith would write. */
function contextByName(pairs) {
  const contexts = new Map(pairs.map(({ name, cert, key }) => [name, createSecureContext({ cert, key })]));
  return (serverName, callback) => callback(null, contexts.get(serverName));
}

async function openTlsmith({ entry, pairs, http2 = false, sources }) {
  const tlsmith = await import(entry);
  const secure = tlsmith.createSecureServer(
    {
      ...tlsmithParameters,
      sources: sourcesOf(tlsmith, { pairs, kind: sources }),
      http2,
      logger: false,
    },
    handler,
  );
  await secure.listen({ port: 0, host: '127.0.0.1' });
  return secure.server.address().port;
}

function sourcesOf({ pemPair, fromFunction, createCredential }, { pairs, kind = 'one' }) {
  switch (kind) {
    case 'one':
      return pemPair(pairs[0]);
    case 'two functions': {
      // The first half of the names belongs to the first source; it is asked for the others too.
      const half = pairs.length / 2;
      return [pairs.slice(0, half), pairs.slice(half)].map((own) => {
        const byName = new Map(own.map((pair) => [pair.name, pair]));
        return fromFunction((serverName) => byName.get(serverName));
      });
    }
    case 'swap':
      swappable = { credentials: pairs.map((pair) => createCredential(pair)) };
      swappable.live = swappable.credentials[0];
      return {
        name: 'bench-swap',
        start: (host) => {
          swappable.host = host;
        },
        find: () => swappable.live,
        default: () => swappable.live,
        list: () => [swappable.live],
      };
    default:
      throw new TypeError(`unknown kind of sources: ${kind}`);
  }
}
