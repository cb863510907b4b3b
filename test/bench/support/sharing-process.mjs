// One of several processes that share a storage folder, for shared.mjs.
import { connect } from 'node:tls';
import { answerCalls } from './child.mjs';
import { SERVER_NAME } from './protocol.mjs';

const PAUSE_MS = 2;

let server;
let port;
let awaited;

answerCalls({
  async open({ entry, folder }) {
    const { createSecureServer, fileStorage, selfSigned } = await import(entry);
    const sources = selfSigned({ names: [SERVER_NAME], storage: fileStorage(folder) });
    server = createSecureServer({ sources, logger: false }, (_, response) => response.end());
    await server.listen({ port: 0, host: '127.0.0.1' });
    port = server.status().listeners[0].port;
    await server.ready();
  },
  served,
  /** Begins to connect until another certificate is shown; `seen` gives which, and when. */
  expectOtherThan(serialNumber) {
    awaited = otherThan(serialNumber);
  },
  seen: () => awaited,
  renew: () => server.renew(SERVER_NAME),
});

async function otherThan(before) {
  for (;;) {
    const serialNumber = await served();
    if (serialNumber !== before) return { serialNumber, at: Date.now() };
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

/** The serial number of the certificate that a handshake shows. */
function served() {
  return new Promise((resolve, reject) => {
    const options = { port, host: '127.0.0.1', servername: SERVER_NAME, rejectUnauthorized: false };
    const socket = connect(options, () => {
      resolve(socket.getPeerX509Certificate().serialNumber);
      socket.destroy();
    });
    socket.once('error', reject);
  });
}
