/**
 * Many certificates from an authority that rejects half of all nonces and reuses no authorization, while clients make
 * requests: how many there are in the end, and whether any client saw anything but a page under a real certificate.
 */
import { Agent, request } from 'node:https';
import { TLSSocket } from 'node:tls';
import { acme, createSecureServer, memoryStorage } from '../../src/index.js';
import { startPebble } from '../support/pebble.js';

const CLIENTS = 4;
/** DER of the extension that only validation certificates have: 1.3.6.1.5.5.7.1.31. */
const ACME_IDENTIFIER = Buffer.from('06082b0601050507011f', 'hex');

/** What came of it. */
export interface IssuancesReport {
  readonly certificates: number;
  readonly orders: number;
  readonly rejectedNonces: number;
  /** What attempts have failed with. */
  readonly failures: readonly string[];
  readonly requests: number;
  /** What clients saw that they should not have. */
  readonly faults: readonly string[];
  readonly seconds: number;
}

export async function issueMany(count: number): Promise<IssuancesReport> {
  const pebble = await startPebble({ rejectedNonces: 50, reusedAuthorizations: 0 });
  const domains = Array.from({ length: count }, (_, index) => `nonce-${index}.test`);
  const { directoryUrl, serverCaFile } = pebble;
  const source = acme({ domains, termsOfServiceAgreed: true, directoryUrl, serverCaFile });
  const secure = createSecureServer(
    { sources: source, storage: memoryStorage(), logger: false },
    (_, response) => response.end('page'),
  );
  const failures: string[] = [];
  secure.on('failed', ({ error }) => failures.push(`${error.code}: ${error.message}`));
  const began = performance.now();
  const traffic = { requests: 0, faults: [] as string[], isOver: false };
  try {
    await secure.listen({ port: pebble.tlsPort, host: '127.0.0.1' });
    const rootPem = await pebble.rootPem();
    const clients = Array.from({ length: CLIENTS }, async (_, client) => {
      // The first names are served first.
      for (let turn = 0; !traffic.isOver; turn += 1) {
        const name = domains[(client + turn * CLIENTS) % Math.min(count, 20)]!;
        const fault = await faultOf(name, pebble.tlsPort, rootPem);
        traffic.requests += 1;
        if (fault !== undefined) traffic.faults.push(`${name}: ${fault}`);
      }
    });
    await secure.ready();
    traffic.isOver = true;
    await Promise.all(clients);
    return {
      certificates: secure.status().certificates.filter(({ state }) => state === 'valid').length,
      orders: pebble.orders(),
      rejectedNonces: pebble.logged(/Rejecting|badNonce|rejected nonce/i).length,
      failures,
      ...{ requests: traffic.requests, faults: traffic.faults },
      seconds: (performance.now() - began) / 1_000,
    };
  } finally {
    traffic.isOver = true;
    await secure.close({ graceMs: 0 });
    await pebble.stop();
  }
}

/** A request of a client that trusts the authority and nobody else. */
function faultOf(name: string, port: number, ca: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const agent = new Agent({ ca, maxCachedSessions: 0 });
    const asked = request(
      { port, host: '127.0.0.1', servername: name, headers: { host: name }, agent },
      (response) => {
        const { socket } = response;
        const raw = socket instanceof TLSSocket ? socket.getPeerCertificate().raw : Buffer.alloc(0);
        response.resume().once('end', () => {
          if (raw.includes(ACME_IDENTIFIER)) resolve('was shown a validation certificate');
          else resolve(response.statusCode === 200 ? undefined : `status ${response.statusCode ?? 0}`);
        });
      },
    );
    asked.once('error', (error) => {
      resolve(error.message);
    });
    asked.once('close', () => {
      agent.destroy();
    });
    asked.end();
  });
}
