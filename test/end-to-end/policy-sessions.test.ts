// A session of one policy offered at another: by openssl, which offers whatever it is given. The same client shows on
// a bare server of this Node that it can do what is refused here (CVE-2026-123872), unless this Node is mended.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createSecureContext, TLSSocket } from 'node:tls';
import { createSecureServer, pemPair } from '../../src/index.js';
import { testCa, type TestPair } from '../support/certificates.js';
import { type ClientAuthority, clientAuthority, type ClientPair } from '../support/client-authority.js';
import { type SClientAnswer, sClient } from '../support/clients.js';
import { type TemporaryFolder, withTemporaryFolder } from '../support/temporary-folder.js';
import { closesAfterEach } from './support/cleanup.js';
import { portOf } from './support/connections.js';

const keep = closesAfterEach();
let pair: TestPair;
let [one, two]: ClientAuthority[] = [];
let ann: ClientPair;

beforeAll(async () => {
  pair = await (await testCa()).issue({ names: ['a.test', 'b.test', 'open.test'] });
  [one, two] = await Promise.all([clientAuthority('One'), clientAuthority('Two')]);
  ann = await one.issue({ name: 'ann' });
});

/** The authority whose clients are let in at a name. */
function authorityOf(name: string): ClientAuthority {
  return (name === 'a.test' ? one : two)!;
}

function whoami({ socket, headers }: IncomingMessage, response: ServerResponse): void {
  const isAuthorized = socket instanceof TLSSocket && socket.authorized;
  response.end(`${headers.host ?? ''} authorized=${String(isAuthorized)}`);
}

/** A bare server of node: clients of one authority at a.test, of another at b.test, as its documentation suggests. */
async function bareServer(): Promise<number> {
  const { cert, key } = pair;
  const server = createHttpsServer(
    {
      ...{ cert, key, requestCert: true, rejectUnauthorized: true, ca: two!.pem, sessionIdContext: 'bare' },
      SNICallback: (name, callback) => {
        callback(null, createSecureContext({ cert, key, ca: authorityOf(name).pem }));
      },
    },
    whoami,
  );
  keep(server).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return portOf(server);
}

async function policyServer(): Promise<number> {
  const policyOf = (name: string) =>
    ({ clientAuth: { mode: 'require', ca: authorityOf(name).pem } }) as const;
  const secure = createSecureServer(
    {
      sources: pemPair(pair),
      logger: false,
      policies: { 'a.test': policyOf('a.test'), 'b.test': policyOf('b.test') },
    },
    createHttpServer(whoami),
  );
  await keep(secure).listen({ port: 0, host: '127.0.0.1' });
  return portOf(secure.server);
}

interface Visitor {
  readonly port: number;
  readonly protocol: 'tls1_2' | 'tls1_3';
  readonly folder: TemporaryFolder;
}

/** Gets in at a name with the certificate of ann, and keeps the session. */
async function comeIn({ port, protocol, folder }: Visitor, name: string): Promise<SClientAnswer> {
  await writeFile(folder.file('client.pem'), ann.cert + ann.key);
  const extraArgs =
    name === 'open.test' ? [] : ['-cert', folder.file('client.pem'), '-key', folder.file('client.pem')];
  return sClient({ port, host: name, protocol, sessionOut: folder.file('session'), extraArgs });
}

/** Comes back with the session and without a certificate. */
function comeBack({ port, protocol, folder }: Visitor, name: string, host = name): Promise<SClientAnswer> {
  return sClient({
    ...{ port, host: name, protocol, sessionIn: folder.file('session'), sendsServerName: name !== '' },
    send: `GET / HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`,
  });
}

/** Nodes 22.23.5, 24.22.3 and 26.13.1 do not resume a session under another name; 22.23.3 does, and there is no 22.23.4. */
function hasHole(): boolean | 'unknown' {
  const [major = 0, minor = 0, patch = 0] = process.versions.node.split('.').map(Number);
  const since = new Map([
    [22, [23, 5]],
    [24, [22, 3]],
    [26, [13, 1]],
  ]).get(major);
  if (since === undefined) return major < 22 ? true : 'unknown';
  const [mendedMinor = 0, mendedPatch = 0] = since;
  return minor < mendedMinor || (minor === mendedMinor && patch < mendedPatch);
}

/** What the same client shows on a bare server, by what is known of this Node. */
const CONTROL = {
  true: `is taken for authenticated by a bare server: Node ${process.versions.node} has the hole`,
  false: `is nobody to a bare server either: Node ${process.versions.node} is mended`,
  unknown: `is either to a bare server: of Node ${process.versions.node} nothing is known`,
}[`${hasHole()}`];

describe.each(['tls1_2', 'tls1_3'] as const)(
  'by %s, a client that was authenticated at a.test',
  (protocol) => {
    it(`at b.test ${CONTROL}`, () =>
      withTemporaryFolder(async (folder) => {
        const visitor = { port: await bareServer(), protocol, folder };
        expect((await comeIn(visitor, 'a.test')).stdout).toContain('a.test authorized=true');
        const again = await comeBack(visitor, 'b.test');
        // The same session is good where it was made, so that it was brought along is no question.
        expect(await comeBack(visitor, 'a.test')).toMatchObject({
          isReused: true,
          stdout: expect.stringContaining('a.test authorized=true') as unknown,
        });
        const isHole = again.isReused && again.stdout.includes('b.test authorized=true');
        if (hasHole() !== 'unknown') expect(isHole).toBe(hasHole());
      }));

    it('is nobody at b.test, at an open name and without a name, whatever session it brings', () =>
      withTemporaryFolder(async (folder) => {
        const visitor = { port: await policyServer(), protocol, folder };
        expect((await comeIn(visitor, 'a.test')).stdout).toContain('a.test authorized=true');
        // The session itself is good, and brought along.
        const own = await comeBack(visitor, 'a.test');
        expect(own.isReused).toBe(true);
        expect(own.stdout).toContain('a.test authorized=true');
        const other = await comeBack(visitor, 'b.test');
        expect(other.isReused).toBe(false);
        expect(other.stdout).not.toContain('authorized=');
        for (const name of ['open.test', '']) {
          const stranger = await comeBack(visitor, name, 'open.test');
          expect(stranger).toMatchObject({ isConnected: true, isReused: false });
          expect(stranger.stdout).toContain('open.test authorized=false');
        }
      }));

    it('gets 421 for a Host of b.test on its own connection, resumed or not', () =>
      withTemporaryFolder(async (folder) => {
        const visitor = { port: await policyServer(), protocol, folder };
        await comeIn(visitor, 'a.test');
        const again = await comeBack(visitor, 'a.test', 'b.test');
        expect(again.isReused).toBe(true);
        expect(again.stdout).toContain('HTTP/1.1 421 Misdirected Request');
        expect(again.stdout).not.toContain('authorized=');
      }));
  },
);

describe.each(['tls1_2', 'tls1_3'] as const)('by %s, a client of an open name', (protocol) => {
  it('does not come in at a name that requires a certificate by the session of the open one', () =>
    withTemporaryFolder(async (folder) => {
      const visitor = { port: await policyServer(), protocol, folder };
      expect((await comeIn(visitor, 'open.test')).stdout).toContain('open.test authorized=false');
      expect((await comeBack(visitor, 'open.test')).isReused).toBe(true);
      for (const host of ['a.test', 'open.test']) {
        const other = await comeBack(visitor, 'a.test', host);
        expect(other.isReused).toBe(false);
        expect(other.stdout).not.toContain('authorized=');
      }
    }));

  it('gets 421 for a Host of a name that requires a certificate, resumed or not, and with a certificate too', () =>
    withTemporaryFolder(async (folder) => {
      const visitor = { port: await policyServer(), protocol, folder };
      await comeIn(visitor, 'open.test');
      await writeFile(folder.file('client.pem'), ann.cert + ann.key);
      const certificate = ['-cert', folder.file('client.pem'), '-key', folder.file('client.pem')];
      for (const own of [{ sessionIn: folder.file('session') }, {}, { extraArgs: certificate }]) {
        const target = { port: visitor.port, host: 'open.test', protocol, ...own };
        const answer = await sClient({
          ...target,
          send: 'GET / HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n',
        });
        expect(answer.stdout).toContain('HTTP/1.1 421 Misdirected Request');
        expect(answer.stdout).not.toContain('authorized=');
      }
    }));
});
