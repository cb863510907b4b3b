// Plain HTTP on the TLS port, spoiled in every way: each connection ends, with a refusal or without a word.
import { connect } from 'node:net';
import { spoiled } from './byte-mutations.mjs';
import { corpus } from './corpus.mjs';

const LONGEST_MS = 8_000;
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
  const kept = corpus('plain-http');

  const judge = async () => {
    const bytes = spoiled(random.pick(kept), random, kept);
    try {
      const answer = await exchange(port, bytes);
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

function exchange(port, bytes) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
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
    socket.end(bytes);
  });
}
