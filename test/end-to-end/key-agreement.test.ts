// The group that server and client agree on, seen on the wire: post-quantum where this Node can, else as ever.
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { once } from 'node:events';
import { createSecureServer, pemPair, type SecureServer } from '../../src/index.js';
import { tlsServerOptions } from '../../src/handshake/tls-settings.js';
import { testCa, type TestCa } from '../support/certificates.js';
import { sClient } from '../support/clients.js';
import { inputOf } from '../support/corpus.js';
import { SETTINGS } from '../handshake/support/routed-server.js';
import { closesAfterEach } from './support/cleanup.js';
import { portOf, tcp, tls } from './support/connections.js';
import { groupIn, type Relay, relayTo } from './support/server-hello.js';

jest.setTimeout(60_000);

/** OpenSSL has ML-KEM since 3.5: Node 22, 24 and 26, not Node 20. */
const [major = 0, minor = 0] = process.versions.openssl.split('.').map(Number);
const isPostQuantum = major > 3 || (major === 3 && minor >= 5);
const X25519MLKEM768 = 0x11ec;
const CLASSIC = { X25519: 0x1d, 'P-256': 0x17, 'P-384': 0x18 } as const;

const keep = closesAfterEach();
let ca: TestCa;
let secure: SecureServer;
let relay: Relay;

beforeEach(async () => {
  ca = await testCa();
  secure = keep(
    createSecureServer(
      { sources: pemPair(await ca.issue({ names: ['a.test'] })), logger: false },
      (_request, response) => response.end(),
    ),
  );
  await secure.listen({ port: 0, host: '127.0.0.1' });
  relay = await relayTo(portOf(secure.server));
});

afterEach(async () => {
  await relay.close();
});

/** The group that the server chooses for a hello of the corpus, whose sender is long gone. */
async function groupFor(hello: string): Promise<number | undefined> {
  const socket = await tcp(portOf(secure.server));
  socket.write(inputOf('client-hello', hello));
  const [answer] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return groupIn(answer);
}

describe('the groups of key agreement', () => {
  it('begin with the post-quantum one, where this Node has it', () => {
    const first = tlsServerOptions(SETTINGS).ecdhCurve?.split(':')[0];
    expect(first).toBe(isPostQuantum ? 'X25519MLKEM768' : 'X25519');
  });

  it.each(['hello: Node 22', 'hello: Node 24', 'hello: Node 26', 'hello: Chromium 156'])(
    'make it the post-quantum one with "%s" where this Node has it, and X25519 where not',
    async (hello) => {
      expect(await groupFor(hello)).toBe(isPostQuantum ? X25519MLKEM768 : CLASSIC.X25519);
      expect(secure.metrics()).toContain(
        `tlsmith_key_shares_total{kind="${isPostQuantum ? 'post_quantum' : 'classic'}"} 1`,
      );
    },
  );

  it.each([
    ...['curl 7.88 (OpenSSL 3.0)', 'gnutls-cli 3.7', 'Node 20', 'Go (Caddy 2.6)', 'rustls (Deno)'].map(
      (client) => [`hello: ${client}`] as const,
    ),
  ])('are classic with "%s"', async (hello) => {
    expect(Object.values<number | undefined>(CLASSIC)).toContain(await groupFor(hello));
    expect(secure.metrics()).toContain('tlsmith_key_shares_total{kind="classic"} 1');
  });

  it('are agreed on with a client of this Node, by whatever it can', async () => {
    const socket = await tls(relay.port, { ca: ca.rootPem });
    expect(relay.group()).toBe(isPostQuantum ? X25519MLKEM768 : CLASSIC.X25519);
    const { name } = socket.getEphemeralKeyInfo() as { name?: string };
    // Node 22 does not say it.
    if (name !== undefined) expect(name).toBe(isPostQuantum ? 'X25519MLKEM768' : 'X25519');
    socket.destroy();
  });

  it.each(Object.entries(CLASSIC))('are %s with a client that knows nothing else', async (groups, number) => {
    const answer = await sClient({ port: relay.port, host: 'a.test', caPem: ca.rootPem, groups });
    expect(answer).toMatchObject({ isConnected: true, verifyCode: 0 });
    expect(relay.group()).toBe(number);
  });

  it('are the post-quantum one alone where that is asked for, which only Nodes take that have it', async () => {
    const sources = pemPair(await ca.issue({ names: ['a.test'] }));
    const serve = (): SecureServer =>
      createSecureServer({ sources, logger: false, groups: ['X25519MLKEM768'] }, (_request, response) =>
        response.end(),
      );
    if (!isPostQuantum) {
      expect(serve).toThrow(TypeError);
      return;
    }
    const strict = keep(serve());
    await strict.listen({ port: 0, host: '127.0.0.1' });
    const request = { port: portOf(strict.server), host: 'a.test', caPem: ca.rootPem };
    expect(await sClient(request)).toMatchObject({ isConnected: false });
    (await tls(request.port, { ca: ca.rootPem })).destroy();
  });
});
