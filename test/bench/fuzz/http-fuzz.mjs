// Plain HTTP on the TLS port, spoiled in every way: each connection ends, with a refusal or without a word. Connections
// are made of memory, straight into what the server does with plain HTTP; one in so many goes through a real server.
import { connect } from 'node:net';
import { Duplex } from 'node:stream';
import { importSource } from './bundle.mjs';
import { spoiled } from './byte-mutations.mjs';
import { corpus } from './corpus.mjs';

const LONGEST_MS = 30_000;
const REAL_ONE_IN = 500;
/** What a server of ours may say: nothing of the application, and no error of node's. */
const ANSWER = /^HTTP\/1\.1 (?:308|400|503) /;
const FATAL_ALERT = String.fromCharCode(21, 3, 3, 0, 2, 2);
const LOCATION = /\r\nlocation: (.*)\r\n/i;
const SAFE_LOCATION = /^https:\/\/[a-z0-9._[\]:-]+(?:\/[\x21-\x7e]*)?$/;

/** @returns an async function that makes and judges one input, and may run many times at once; with `close` */
export async function httpFuzz(random, { entry }) {
  const { createSecureServer, selfSigned } = await import(entry);
  const secure = createSecureServer(
    { sources: selfSigned({ names: ['a.test'] }), plainHttp: 'redirect', logger: false },
    (_request, response) => response.end('THE APPLICATION'),
  );
  await secure.listen({ port: 0, host: '127.0.0.1' });
  const { port } = secure.server.address();
  const receive = await receiver();
  const kept = corpus('plain-http');

  const judge = async () => {
    const bytes = spoiled(random.pick(kept), random, kept);
    const isReal = random.below(REAL_ONE_IN) === 0;
    try {
      const answer = isReal ? await exchange(connect(port, '127.0.0.1'), bytes) : await receive(bytes);
      const isRefusal = answer === '' || ANSWER.test(answer) || answer.startsWith(FATAL_ALERT);
      if (!isRefusal) throw new Error(`is answered ${JSON.stringify(answer.slice(0, 80))}`);
      const location = LOCATION.exec(answer)?.[1];
      if (location !== undefined && !SAFE_LOCATION.test(location)) throw new Error(`is sent to ${location}`);
      return answer === '' ? 'no answer' : answer.startsWith('HTTP') ? answer.slice(9, 12) : 'alert';
    } catch (error) {
      throw new Error(`plain HTTP ${error.message}: ${bytes.toString('hex')}`, { cause: error });
    }
  };
  return Object.assign(judge, { close: () => secure.close({ graceMs: 0 }) });
}

/** The first bytes decide as in the server; only plain text goes on to its HTTP server. */
async function receiver() {
  const { ClientHelloReader } = await importSource('handshake/client-hello.ts');
  const { plainHttpReceiver } = await importSource('http/plain-http.ts');
  const options = {
    action: { type: 'redirect', status: 308 },
    location: () => ({ port: 443, publicUrl: undefined }),
    keyAuthorizationFor: () => undefined,
  };
  const receive = plainHttpReceiver(options, { now: Date.now, setTimeout, clearTimeout });
  return async (bytes) => {
    const first = new ClientHelloReader().push(bytes).kind;
    // A hello that is cut off, or none: what becomes of it is for the other fuzzers and the real connections.
    if (first !== 'plain-text') return first === 'incomplete' ? '' : FATAL_ALERT;
    const [client, server] = pairOfStreams();
    server.on('error', () => undefined);
    server.unshift(bytes);
    receive(server);
    return exchange(client, undefined);
  };
}

/** Both ends of a connection; the far end of `client` has been half-closed. */
function pairOfStreams() {
  const client = new Duplex({ read: () => undefined, allowHalfOpen: false });
  const server = new Duplex({
    read() {
      this.push(null);
    },
    write(chunk, _encoding, done) {
      client.push(chunk);
      done();
    },
    destroy(error, done) {
      if (!client.destroyed) client.push(null);
      done(error);
    },
    allowHalfOpen: true,
  });
  return [client, server];
}

function exchange(socket, bytes) {
  return new Promise((resolve, reject) => {
    let answer = '';
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`was still connected after ${LONGEST_MS} ms`));
    }, LONGEST_MS);
    socket.setEncoding('latin1');
    socket.on('data', (text) => (answer += text));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(answer);
    });
    // Half-closed, so that what is cut off is not waited for.
    if (bytes !== undefined) socket.end(bytes);
  });
}
