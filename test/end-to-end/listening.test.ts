// Where a server listens, and what is said when it cannot.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { unlinkSync } from 'node:fs';
import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { text } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';
import {
  type CertificateSource,
  createSecureServer,
  type ListenTarget,
  pemPair,
  type SecureServer,
  type SecureServerOptions,
} from '../../src/index.js';
import { listen } from '../../src/listening/listen.js';
import { testCa, type TestCa, type TestPair } from '../support/certificates.js';
import { curl, environmentWithoutTrust, nodeHttps, sClient } from '../support/clients.js';
import { compiled } from '../support/programs.js';
import { reservePorts } from '../support/reserved-ports.js';
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.js';
import { until } from '../support/until.js';
import { withoutPrivileges, firstLine, runChild, startChild } from './support/child.js';
import { closesAfterEach } from './support/cleanup.js';
import { portOf, tcp, untilClosed } from './support/connections.js';

const keep = closesAfterEach();
const hasSocketActivation = spawnSync('systemd-socket-activate', ['--version']).status === 0;
const loopback = { port: 0, host: '127.0.0.1' };
let ca: TestCa;
let pair: TestPair;

beforeAll(async () => {
  ca = await testCa();
  pair = await ca.issue({ names: ['a.test'] });
});

const answer = (_request: IncomingMessage, response: ServerResponse): void => {
  response.end('page');
};

function secured(options: SecureServerOptions = {}): SecureServer {
  return keep(createSecureServer({ sources: pemPair(pair), logger: false, ...options }, answer));
}

async function taken(): Promise<Server> {
  const server = keep(createServer());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

async function folderForTest(): Promise<TemporaryFolder> {
  const folder = await temporaryFolder();
  keep(() => folder.remove());
  return folder;
}

/** The ports on which `secure` has listened, also for a moment. */
function portsOpened(secure: SecureServer): number[] {
  const ports: number[] = [];
  secure.server.on('listening', () => ports.push(portOf(secure.server)));
  return ports;
}

const refused = { code: 'ECONNREFUSED' };

describe('a port', () => {
  it('0 is any free one, shown by server.address(), urls and status()', async () => {
    const secure = await secured().listen(loopback);
    const port = portOf(secure.server);
    expect(port).toBeGreaterThan(0);
    expect(secure.urls.some((url) => new URL(url).port === String(port))).toBe(true);
    expect(secure.status().listeners).toEqual([{ protocol: 'https', address: '127.0.0.1', port }]);
    expect(await nodeHttps({ port, host: 'a.test', caPem: ca.rootPem })).toMatchObject({ body: 'page' });
  });
  it('as a number is listened to on all addresses', async () => {
    const secure = await secured().listen(0);
    const { address, port } = secure.server.address() as AddressInfo;
    expect(['::', '0.0.0.0']).toContain(address);
    expect(await nodeHttps({ port, host: 'a.test', caPem: ca.rootPem })).toMatchObject({ body: 'page' });
    expect(secure.urls).toEqual([`https://a.test:${port}`]);
  });
  it.each([-2, 65_536, 1.5, NaN, '443', null, {}, undefined, true])(
    'that is %p is a TypeError',
    async (port) => {
      await expect(secured().listen(port as number)).rejects.toThrow(TypeError);
    },
  );
  it('that is taken rejects with PORT_IN_USE, and nothing stays open', async () => {
    const other = await taken();
    const secure = secured({ http: { port: 0, host: '127.0.0.1' } });
    await expect(secure.listen({ ...loopback, port: portOf(other) })).rejects.toMatchObject({
      ...{ code: 'PORT_IN_USE', port: portOf(other) },
      message: expect.stringContaining(`127.0.0.1:${portOf(other)} is taken by `),
      hint: expect.stringContaining('choose another port'),
      cause: { code: 'EADDRINUSE' },
    });
    expect(secure.status().listeners).toEqual([]);
    expect(secure.server.listening).toBe(false);
  });
  it('that is taken does not keep the next listen() from working', async () => {
    const other = await taken();
    const secure = secured();
    await expect(secure.listen({ ...loopback, port: portOf(other) })).rejects.toMatchObject({
      code: 'PORT_IN_USE',
    });
    await secure.listen(loopback);
    expect(await nodeHttps({ port: portOf(secure.server), host: 'a.test', caPem: ca.rootPem })).toMatchObject(
      {
        body: 'page',
      },
    );
  });
  it('that is taken as a second address leaves the first one open', async () => {
    const other = await taken();
    const secure = await secured().listen(loopback);
    await expect(secure.listen({ ...loopback, port: portOf(other) })).rejects.toMatchObject({
      code: 'PORT_IN_USE',
    });
    expect(await nodeHttps({ port: portOf(secure.server), host: 'a.test', caPem: ca.rootPem })).toMatchObject(
      {
        body: 'page',
      },
    );
  });
  it('can be asked for twice at the same time', async () => {
    const secure = secured();
    await Promise.all([secure.listen(loopback), secure.listen(loopback)]);
    const ports = secure.status().listeners.map(({ port }) => port ?? 0);
    expect(new Set(ports).size).toBe(2);
    for (const port of ports) {
      expect(await nodeHttps({ port, host: 'a.test', caPem: ca.rootPem })).toMatchObject({ body: 'page' });
    }
  });
  it('of the companion that is taken closes the TLS listener again', async () => {
    const other = await taken();
    const secure = secured({ http: { port: portOf(other), host: '127.0.0.1' } });
    const opened = portsOpened(secure);
    await expect(secure.listen(loopback)).rejects.toMatchObject({ code: 'PORT_IN_USE', port: portOf(other) });
    expect(opened).toHaveLength(1);
    await expect(tcp(opened[0] ?? 0)).rejects.toMatchObject(refused);
    expect(secure.status().listeners).toEqual([]);
  });
  it('of the companion that is taken leaves nothing that the next listen() stumbles over', async () => {
    const other = await taken();
    const secure = secured({ http: { port: portOf(other), host: '127.0.0.1' } });
    for (let round = 0; round < 3; round += 1) {
      await expect(secure.listen(loopback)).rejects.toMatchObject({ code: 'PORT_IN_USE' });
      expect(secure.status().listeners).toEqual([]);
    }
    other.close();
    await once(other, 'close');
    await secure.listen(loopback);
    expect(secure.status().listeners).toHaveLength(2);
  });
  it.each([
    ['is just being closed', () => Promise.resolve()],
    ['has just been closed', (server: Server) => once(server, 'close')],
  ])('is opened anew when the server %s', async (_, before) => {
    const secure = await secured().listen(loopback);
    secure.server.close();
    await before(secure.server);
    await secure.listen(loopback);
    await new Promise((resolve) => setImmediate(resolve));
    const port = portOf(secure.server);
    expect(secure.status().listeners).toEqual([{ protocol: 'https', address: '127.0.0.1', port }]);
    expect(await nodeHttps({ port, host: 'a.test', caPem: ca.rootPem })).toMatchObject({ body: 'page' });
  });
  it('that is taken does not fail a listen() that was called meanwhile', async () => {
    const other = await taken();
    const secure = secured();
    const first = expect(secure.listen({ ...loopback, port: portOf(other) })).rejects.toMatchObject({
      code: 'PORT_IN_USE',
    });
    await secure.listen(loopback);
    await first;
    expect(secure.status().listeners).toHaveLength(1);
  });
  it('that needs privileges rejects with PORT_PRIVILEGED and says what helps', async () => {
    const start = Number(await readFile('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'));
    const isolated = [
      'unshare',
      '-n',
      'sh',
      '-c',
      'sysctl -qw net.ipv4.ip_unprivileged_port_start=1024 && exec "$@"',
      'sh',
    ];
    const { output, exitCode } = await runChild('listen', {
      input: { port: 443, host: '0.0.0.0' },
      wrapper: [...(start > 443 ? [] : isolated), ...withoutPrivileges()],
    });
    expect(exitCode).toBe(0);
    const { code, message, hint } = JSON.parse(output) as Record<string, string>;
    expect({ code, message }).toEqual({
      code: 'PORT_PRIVILEGED',
      message: expect.stringContaining('Port 443'),
    });
    expect(message).toContain('/proc/sys/net/ipv4/ip_unprivileged_port_start');
    for (const advice of [
      'CAP_NET_BIND_SERVICE',
      'systemd socket',
      'docker',
      '-p 443:',
      'firewall',
      'setcap',
    ]) {
      expect(hint?.toLowerCase()).toContain(advice.toLowerCase());
    }
    expect(hint).toContain(process.execPath);
  });
});

describe('an address', () => {
  it('that is not of this machine rejects with ADDRESS_NOT_LOCAL and names those that are', async () => {
    await expect(secured().listen({ port: 0, host: '192.0.2.1' })).rejects.toMatchObject({
      ...{ code: 'ADDRESS_NOT_LOCAL', host: '192.0.2.1' },
      hint: expect.stringContaining('127.0.0.1'),
    });
  });
  it('that comes later, such as that of a VPN, can be listened to when it is there: nothing is left half open', async () => {
    const secure = secured({ http: { port: 0 } });
    const late = { port: 0, host: '192.0.2.1' };
    for (let attempt = 0; attempt < 2; attempt += 1)
      await expect(secure.listen(late)).rejects.toMatchObject({
        code: 'ADDRESS_NOT_LOCAL',
        host: '192.0.2.1',
      });
    expect(secure.status().listeners).toEqual([]);
    await secure.listen(loopback);
    expect(await nodeHttps({ port: portOf(secure.server), host: 'a.test', caPem: ca.rootPem })).toMatchObject(
      { body: 'page' },
    );
  });
  it('that does not resolve rejects with LISTEN_FAILED', async () => {
    await expect(secured().listen({ port: 0, host: 'no-such-host.invalid' })).rejects.toMatchObject({
      code: 'LISTEN_FAILED',
      hint: expect.stringContaining('leave it out'),
    });
  });
});

describe('all addresses', () => {
  const hasIpv6 = Object.values(networkInterfaces()).some((all) =>
    all?.some(({ address }) => address === '::1'),
  );
  const statusBy = async (port: number, family: '-4' | '-6'): Promise<number> => {
    const address = family === '-4' ? '127.0.0.1' : '[::1]';
    const extraArgs = [family, '--connect-to', `a.test:${port}:${address}:${port}`];
    return (await curl({ port, host: 'a.test', caPem: ca.rootPem, extraArgs })).status;
  };

  it('of IPv4 are 0.0.0.0, and the URLs that are printed name those that lead here', async () => {
    const secure = secured();
    await secure.listen({ port: 0, host: '0.0.0.0' });
    const port = portOf(secure.server);
    expect(await statusBy(port, '-4')).toBe(200);
    if (hasIpv6) expect(await statusBy(port, '-6')).toBe(0);
    expect(secure.urls.length).toBeGreaterThan(0);
    expect(secure.urls.join(' ')).not.toContain('0.0.0.0');
  });

  (hasIpv6 ? it : it.skip)('of both families are ::', async () => {
    const secure = secured();
    await secure.listen({ port: 0, host: '::' });
    const port = portOf(secure.server);
    expect([await statusBy(port, '-4'), await statusBy(port, '-6')]).toEqual([200, 200]);
    expect(secure.urls.join(' ')).not.toContain('[::]');
  });
});

describe('a program', () => {
  it('whose listen() fails, and that does not catch it, ends with an exit code and the reason', async () => {
    const port = portOf(await taken());
    const program = compiled(__dirname, '..', '..', 'docs', 'examples', 'http2.ts');
    const env = { ...environmentWithoutTrust(), PORT: String(port) };
    const child = spawn(process.execPath, [program], { env, stdio: ['ignore', 'ignore', 'pipe'] });
    const [said, [exitCode]] = (await Promise.all([text(child.stderr), once(child, 'close')])) as [
      string,
      [number | null],
    ];
    expect(exitCode).toBe(1);
    expect(said).toContain('PORT_IN_USE');
  });

  (hasSocketActivation ? it : it.skip)(
    'is started by systemd at its first connection, and takes over the socket',
    async () => {
      const { ports, release } = await reservePorts(1);
      keep(release);
      const [port = 0] = ports;
      const wrapper = [
        'sh',
        '-c',
        'exec systemd-socket-activate -l "$0" "$@" 2>/dev/null',
        `127.0.0.1:${port}`,
      ];
      const child = startChild('listen', { input: { fd: 3 }, wrapper });
      try {
        const target = { port, host: 'a.test' };
        await until(async () => (await sClient(target)).isConnected, 'the program to be started');
        const seen = await sClient({
          ...target,
          send: 'GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n',
        });
        expect(seen.stdout).toContain('child');
        const closed = once(child, 'close');
        child.stdin?.end();
        expect(await closed).toEqual([0, null]);
      } finally {
        child.kill('SIGKILL');
      }
    },
  );
});

describe('a unix socket', () => {
  async function pageFrom(path: string): Promise<string> {
    const socket = connectTls({ path, servername: 'a.test', ca: ca.rootPem });
    await once(socket, 'secureConnect');
    const page = untilClosed(socket);
    socket.write('GET / HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n');
    return (await page).toString();
  }

  it('is listened to with the mode that was asked for, and is gone after close()', async () => {
    const folder = await folderForTest();
    const path = folder.file('tls.sock');
    const secure = await secured().listen({ path, mode: 0o620 });
    expect((await stat(path)).mode & 0o777).toBe(0o620);
    expect(await pageFrom(path)).toMatch(/page$/);
    expect(secure.urls).toEqual([`https+unix:${path}`]);
    expect(secure.status().listeners).toEqual([{ protocol: 'https', address: path }]);
    const seen = await curl({
      port: 443,
      host: 'a.test',
      caPem: ca.rootPem,
      extraArgs: ['--unix-socket', path],
    });
    expect(seen).toMatchObject({ status: 200, body: 'page' });
    await secure.close();
    await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' });
  });
  it('is the second address of a server that listens on a port', async () => {
    const folder = await folderForTest();
    const secure = await secured().listen(loopback);
    await secure.listen({ path: folder.file('tls.sock') });
    expect(await pageFrom(folder.file('tls.sock'))).toMatch(/page$/);
    expect(secure.status().listeners).toHaveLength(2);
  });
  it('file that a killed server has left is made anew', async () => {
    const folder = await folderForTest();
    const dead = keep(createServer());
    dead.listen(folder.file('before.sock'));
    await once(dead, 'listening');
    await rename(folder.file('before.sock'), folder.file('tls.sock'));
    dead.close();
    await once(dead, 'close');
    expect((await stat(folder.file('tls.sock'))).isSocket()).toBe(true);
    await secured().listen({ path: folder.file('tls.sock') });
    expect(await pageFrom(folder.file('tls.sock'))).toMatch(/page$/);
  });
  it('of a live server is refused with SOCKET_PATH_IN_USE and left alone', async () => {
    const folder = await folderForTest();
    const path = folder.file('tls.sock');
    await secured().listen({ path });
    await expect(secured().listen({ path })).rejects.toMatchObject({ code: 'SOCKET_PATH_IN_USE', path });
    expect(await pageFrom(path)).toMatch(/page$/);
  });
  it('path where an ordinary file lies is refused, and the file is left alone', async () => {
    const folder = await folderForTest();
    await writeFile(folder.file('data'), 'precious');
    await expect(secured().listen({ path: folder.file('data') })).rejects.toMatchObject({
      code: 'SOCKET_PATH_IN_USE',
    });
    expect(await readFile(folder.file('data'), 'utf8')).toBe('precious');
  });
  it('whose mode cannot be set is closed again', async () => {
    const folder = await folderForTest();
    const path = folder.file('tls.sock');
    const server = keep(createServer());
    server.once('listening', () => {
      unlinkSync(path);
    });
    await expect(listen(server, { path, mode: 0o600 })).rejects.toMatchObject({
      ...{ code: 'LISTEN_FAILED', path },
      cause: { code: 'ENOENT' },
    });
    expect(server.listening).toBe(false);
  });
  it('path that is too long is refused with its length', async () => {
    const path = `/tmp/${'x'.repeat(120)}`;
    await expect(secured().listen({ path })).rejects.toMatchObject({
      ...{ code: 'SOCKET_PATH_TOO_LONG', path },
      message: expect.stringContaining('125 bytes'),
    });
  });
  it('path in a folder that does not exist is refused', async () => {
    await expect(secured().listen({ path: '/nonexistent/tls.sock' })).rejects.toMatchObject({
      code: 'LISTEN_FAILED',
      message: expect.stringContaining('/nonexistent does not exist'),
    });
  });
});

describe('what listen() is given', () => {
  it.each<[string, object]>([
    ['port', { port: 0, path: '/tmp/x.sock' }],
    ['path', { path: 5 }],
    ['host', { port: 0, host: 5 }],
    ['signal', { port: 0, signal: 5 }],
    ['fd', { fd: -1 }],
    ['mode', { path: '/tmp/x.sock', mode: 'bad' }],
    ['mode', { path: '/tmp/x.sock', mode: 0o1000 }],
    ['mode', { path: '/tmp/x.sock', mode: -1 }],
    ['mode', { path: '\0abstract', mode: 0o600 }],
    ['mode', { port: 0, mode: 0o600 }],
  ])('is a TypeError that names %s for %j', async (option, target) => {
    await expect(secured().listen(target)).rejects.toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringContaining(`\`${option}\``) }),
    );
  });
});

describe('a file descriptor', () => {
  it('with a listening socket is taken over, as systemd hands it to a service', async () => {
    const passed = await taken();
    const port = portOf(passed);
    const { fd } = Reflect.get(passed, '_handle') as { fd: number };
    const child = startChild('listen', { input: { fd: 3 }, fd });
    try {
      passed.close();
      expect(await firstLine(child)).toEqual({ urls: [`https://127.0.0.1:${port}`] });
      const seen = await sClient({
        ...{ port, host: 'a.test', send: 'GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n' },
      });
      expect(seen).toMatchObject({ isConnected: true, subject: 'O = tlsmith self-signed' });
      expect(seen.stdout).toContain('child');
      const closed = once(child, 'close');
      child.stdin?.end();
      expect(await closed).toEqual([0, null]);
    } finally {
      child.kill('SIGKILL');
    }
  });
});

describe('an AbortSignal', () => {
  it('that is aborted before opens nothing', async () => {
    const secure = secured();
    const opened = portsOpened(secure);
    const reason = new Error('changed my mind');
    await expect(secure.listen({ ...loopback, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(opened).toEqual([]);
  });
  it('that is aborted during a start which hangs ends the wait', async () => {
    const hanging: CertificateSource = {
      name: 'hanging',
      start: () => new Promise(() => undefined),
      find: () => undefined,
    };
    const secure = createSecureServer({ sources: hanging, logger: false }, answer);
    const controller = new AbortController();
    const reason = new Error('too slow');
    const waiting = secure.listen({ ...loopback, signal: controller.signal });
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    expect(secure.server.listening).toBe(false);
  });
  it('that is aborted later closes the server, as with node', async () => {
    const controller = new AbortController();
    const secure = await secured().listen({ ...loopback, signal: controller.signal });
    const port = portOf(secure.server);
    controller.abort();
    await until(() => secure.status().listeners.length === 0, 'the listener to close');
    await expect(tcp(port)).rejects.toMatchObject(refused);
  });
  it('of start() and ready() ends the wait', async () => {
    const hanging: CertificateSource = {
      name: 'hanging',
      find: () => undefined,
      ready: () => new Promise(() => undefined),
    };
    const secure = keep(createSecureServer({ sources: hanging, logger: false }, answer));
    const reason = new Error('enough');
    await expect(secure.ready({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await secure.start();
    const controller = new AbortController();
    const waiting = secure.ready({ signal: controller.signal });
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
  });
});

describe('start()', () => {
  it('opens no socket and can be called again', async () => {
    const secure = secured();
    const target: ListenTarget = loopback;
    await Promise.all([secure.start(), secure.start()]);
    expect(secure.server.listening).toBe(false);
    await secure.listen(target);
    await secure.start();
    expect(secure.status().listeners).toHaveLength(1);
  });
});
