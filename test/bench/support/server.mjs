// A server process: bare node or tlsmith, with the same certificates, TLS parameters and handler.
import { createServer as createHttpsServer } from 'node:https';
import { createSecureServer as createHttp2Server } from 'node:http2';
import { once } from 'node:events';
import { createSecureContext } from 'node:tls';
import { BODY } from './protocol.mjs';
import { answerCalls } from './child.mjs';

/** Said to both, so that only our code differs: versions, ciphers, groups, ALPN, handshake timeout. */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
].join(':');
const GROUPS = ['X25519', 'P-256'];
const VERSIONS = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' };
const HANDSHAKE_TIMEOUT_MS = 10_000;

let before;
/** The serving certificate of the `swap` source, and the next ones. */
let swappable;

answerCalls({
  open: async ({ kind, ...options }) => (kind === 'tlsmith' ? openTlsmith(options) : openBare(options)),

  /** Begins to count CPU time, with the garbage of earlier rounds out of the way. */
  startCount: () => {
    global.gc();
    before = process.cpuUsage();
  },

  /** CPU time in microseconds since `startCount`, without and with a collection of the garbage made. */
  endCount: () => {
    const used = total(process.cpuUsage(before));
    global.gc();
    return { used, withCollection: total(process.cpuUsage(before)) };
  },

  /** Serves the pair with this index from now on; says when (monotonic clock, shared by all processes). */
  swap: ({ index }) => {
    const at = process.hrtime.bigint();
    swappable.live = swappable.credentials[index];
    swappable.host.changed();
    return at.toString();
  },

  memory: () => {
    global.gc();
    const { rss, heapUsed } = process.memoryUsage();
    return { rss, heapUsed };
  },
});

function handler(_request, response) {
  response.end(BODY);
}

async function openBare({ pairs, http2, sni }) {
  const options = {
    ...VERSIONS,
    ciphers: CIPHERS,
    ecdhCurve: GROUPS.join(':'),
    honorCipherOrder: false,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
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
      ...VERSIONS,
      sources: sourcesOf(tlsmith, { pairs, kind: sources }),
      ciphers: CIPHERS,
      groups: GROUPS,
      http2,
      handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS,
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

function total({ user, system }) {
  return user + system;
}
