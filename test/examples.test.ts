// Every program in docs/examples runs as a user would run it, answers a real client that verifies its certificate,
// says nothing on stderr, and ends by itself after SIGTERM.
import { describe, expect, it } from '@jest/globals';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { access, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { connect, createServer, type Server } from 'node:net';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';
import { WebSocket } from 'ws';
import { environmentWithoutTrust, nodeHttp2, nodeHttps, run } from './support/clients.js';
import { type TemporaryFolder, withTemporaryFolder } from './support/temporary-folder.js';
import { testCa } from './support/certificates.js';
import { clientAuthority } from './support/client-authority.js';
import { startPebble } from './support/pebble.js';
import { compiled } from './support/programs.js';
import { until } from './support/until.js';

const CHECKOUT = join(__dirname, '..');
const EXIT_LIMIT_MS = 60_000;
const HTTPS_URL = /https:\/\/\S+:(\d+)/;
const ANY_PORTS = { PORT: '0', HTTP_PORT: '0' };

interface RunningOptions {
  readonly env?: Readonly<Record<string, string>>;
}

interface Running {
  readonly child: ChildProcess;
  /** The port of the first URL it printed. */
  readonly port: number;
  readonly output: () => string;
}

describe('An example serves a page and ends by itself:', () => {
  it('hello.ts', () =>
    running('hello.ts', async ({ port }) => {
      expect(await page(port, { path: '/there' })).toBe('Hello, you asked for /there\n');
    }));

  it('proxy-protocol.ts, and says who the client of the proxy is', () =>
    running('proxy-protocol.ts', async ({ port }) => {
      const socket = connect(port, '127.0.0.1');
      socket.write('PROXY TCP4 172.16.0.9 192.0.2.1 4711 443\r\n');
      const options = { socket, servername: 'localhost', rejectUnauthorized: false };
      const client = connectTls(options);
      client.end('GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n');
      expect(await text(client)).toContain('Hello, 172.16.0.9\n');
    }));

  it('behind-a-proxy.ts, and does not redirect what its proxy has received over HTTPS', () =>
    running('behind-a-proxy.ts', async ({ port, output }) => {
      expect(await page(port)).toBe(`Hello from localhost:${port}\n`);
      const httpPort = Number(/http:\/\/localhost:(\d+)/.exec(output())?.[1]);
      const headers = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'a.test' };
      const request = get({ port: httpPort, host: '127.0.0.1', headers });
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      expect(await text(response)).toBe('Hello from a.test\n');
      expect(await plainPage(httpPort, '/')).toMatchObject({ location: 'https://localhost/' });
    }));

  it('express.ts, where the app knows that it is behind TLS', () =>
    running('express.ts', async ({ port }) => {
      expect(JSON.parse(await page(port))).toEqual({ secure: true, protocol: 'https' });
    }));

  it('health.ts, which says how many days its certificates have left', () =>
    running('health.ts', async ({ port }) => {
      const { certificates, findings } = JSON.parse(await page(port, { path: '/health' })) as {
        certificates: { state: string; daysLeft: number }[];
        findings: string[];
      };
      expect(findings).toEqual([]);
      expect(certificates).toMatchObject([{ state: 'valid' }]);
      expect(certificates[0]?.daysLeft).toBeGreaterThan(0);
    }));

  it('fastify-server-factory.ts', () =>
    running('fastify-server-factory.ts', async ({ port }) => {
      expect(JSON.parse(await page(port))).toEqual({ protocol: 'https', hello: 'Fastify' });
    }));

  it('fastify-https.ts', () =>
    running('fastify-https.ts', async ({ port }) => {
      expect(JSON.parse(await page(port))).toEqual({ protocol: 'https', hello: 'Fastify' });
    }));

  it('koa.ts, over HTTP/1.1 and HTTP/2', () =>
    running('koa.ts', async ({ port }) => {
      expect(JSON.parse(await page(port))).toEqual({ secure: true, httpVersion: '1.1' });
      expect(JSON.parse(await pageByHttp2(port))).toEqual({ secure: true, httpVersion: '2.0' });
    }));

  it('hono.ts, over HTTP/1.1 and HTTP/2', () =>
    running('hono.ts', async ({ port }) => {
      const expected = { url: `https://localhost:${port}/`, hello: 'Hono' };
      expect(JSON.parse(await page(port))).toEqual(expected);
      expect(JSON.parse(await pageByHttp2(port))).toEqual(expected);
    }));

  it('http2.ts, over HTTP/1.1 and HTTP/2', () =>
    running('http2.ts', async ({ port }) => {
      expect(await page(port)).toBe('HTTP/1.1\n');
      expect(await pageByHttp2(port)).toBe('HTTP/2.0\n');
    }));

  it('websocket.ts, and sends messages back', () =>
    running('websocket.ts', async ({ port }) => {
      expect(await page(port)).toBe(`WebSockets are at wss://localhost:${port}/\n`);
      const socket = new WebSocket(`wss://localhost:${port}/`, { ca: await certificateOf(port) });
      await once(socket, 'open');
      socket.send('echo');
      const [message] = (await once(socket, 'message')) as [Buffer];
      expect(message.toString()).toBe('echo');
      // It stays open: the example has to say goodbye by itself.
    }));

  it('server-sent-events-http2.ts, and keeps sending while the stream is open', () =>
    running('server-sent-events-http2.ts', async ({ port }) => {
      const session = connectHttp2(`https://localhost:${port}`, { ca: await certificateOf(port) });
      const stream = session.request({ ':path': '/' }).setEncoding('utf8');
      let events = '';
      for await (const chunk of stream) {
        events += String(chunk);
        if (events.split('\n\n').length > 2) break;
      }
      expect(events).toMatch(/^data: welcome\n\ndata: \d{4}-\d\d-\d\dT/);
      session.destroy();
    }));

  it('policies.ts, with other versions for other names', () =>
    running('policies.ts', async ({ port }) => {
      expect(await page(port)).toBe(`You reached localhost:${port}\n`);
      expect(await page(port, { host: 'api.localhost' })).toBe(`You reached api.localhost:${port}\n`);
      for (const [servername, protocol] of [
        ['api.localhost', 'TLSv1.3'],
        ['x.old.localhost', 'TLSv1.2'],
      ] as const) {
        const socket = connectTls({ port, host: '127.0.0.1', servername, rejectUnauthorized: false });
        await once(socket, 'secureConnect');
        expect(socket.getProtocol()).toBe(protocol);
        socket.destroy();
      }
    }));

  it('mutual-tls.ts, where only clients with a certificate get in by one of the names', () =>
    withTemporaryFolder(async (folder) => {
      const authority = await clientAuthority('Clients');
      await writeFile(folder.file('ca.pem'), authority.pem);
      await running(
        'mutual-tls.ts',
        async ({ port }) => {
          expect(await page(port)).toBe('Hello, stranger\n');
          const hello = async (name: string): Promise<string> => {
            const client = await authority.issue({ name });
            const host = { servername: 'admin.localhost', rejectUnauthorized: false };
            const socket = connectTls({ port, host: '127.0.0.1', ...host, ...client });
            socket.on('error', () => undefined);
            socket.end('GET / HTTP/1.1\r\nhost: admin.localhost\r\nconnection: close\r\n\r\n');
            return text(socket).catch(() => '');
          };
          expect(await hello('ann')).toContain('Hello, CN=ann\n');
          expect(await hello('former')).not.toContain('Hello');
        },
        { env: { ...ANY_PORTS, CLIENT_CA: folder.file('ca.pem') } },
      );
    }));

  it('client-certificate-routes.ts, one page of which is for certified clients only', () =>
    withTemporaryFolder(async (folder) => {
      const authority = await clientAuthority('Clients');
      await writeFile(folder.file('ca.pem'), authority.pem);
      await running(
        'client-certificate-routes.ts',
        async ({ port }) => {
          expect(await page(port)).toBe('Hello, world\n');
          const admin = async (client: object): Promise<string> => {
            const host = { servername: 'localhost', rejectUnauthorized: false };
            const socket = connectTls({ port, host: '127.0.0.1', ...host, ...client });
            socket.end('GET /admin HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n');
            return text(socket);
          };
          expect(await admin({})).toMatch(/^HTTP\/1.1 401 /);
          expect(await admin(await authority.issue({ name: 'former' }))).toMatch(/^HTTP\/1.1 403 /);
          expect(await admin(await authority.issue({ name: 'ann' }))).toContain('Hello, admin\n');
        },
        { env: { ...ANY_PORTS, CLIENT_CA: folder.file('ca.pem') } },
      );
    }));

  it('attach-existing-server.ts, and redirects plain HTTP on the same port', () =>
    running('attach-existing-server.ts', async ({ port }) => {
      expect(await page(port)).toBe('still the same server\n');
      expect(await plainPage(port, '/a?b')).toMatchObject({
        status: 308,
        location: `https://localhost:${port}/a?b`,
      });
    }));

  it('own-port-80.ts, beside a plain HTTP server of its own', () =>
    running('own-port-80.ts', async ({ port, output }) => {
      const plainPort = Number(/port: (\d+)/.exec(output())?.[1]);
      expect(await page(port)).toBe('over TLS\n');
      expect(await plainPage(plainPort, '/health')).toMatchObject({ status: 200, body: 'ok\n' });
      expect(await plainPage(plainPort, '/else')).toMatchObject({
        status: 308,
        location: `https://localhost:${port}/else`,
      });
    }));

  it('custom-source-database.ts, with a certificate for each row and selfSigned() for the rest', () =>
    running('custom-source-database.ts', async ({ port }) => {
      for (const host of ['one.localhost', 'two.localhost', 'localhost']) {
        expect(await page(port, { host })).toBe(`You reached ${host}:${port}\n`);
      }
      expect(await certificateOf(port, 'one.localhost')).not.toBe(await certificateOf(port, 'two.localhost'));
    }));

  it('custom-source-secret-store.ts, also for clients without SNI', () =>
    running('custom-source-secret-store.ts', async ({ port }) => {
      const host = 'secret.localhost';
      expect(await page(port, { host })).toBe(`You reached ${host}:${port}\n`);
      expect(await page(port)).toBe(`You reached localhost:${port}\n`);
    }));

  it('persistent-self-signed.ts, with the same certificate after a restart', () =>
    withTemporaryFolder(async (folder) => {
      const certificates: (string | undefined)[] = [];
      for (let run = 0; run < 2; run += 1) {
        await running(
          'persistent-self-signed.ts',
          async ({ port, output }) => {
            expect(await page(port)).toBe('the same certificate as before\n');
            certificates.push(/Certificate ([0-9A-F:]+)/.exec(output())?.[1]);
          },
          { env: { ...ANY_PORTS, STORAGE_DIR: folder.file('made', 'by', 'the', 'storage') } },
        );
      }
      expect(certificates[0]).toMatch(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
      expect(certificates[1]).toBe(certificates[0]);
    }));
});

describe('An example serves files that somebody else has made:', () => {
  it('certificate-folder.ts, with a default of its own and pairs that come later', () =>
    withTemporaryFolder((folder) =>
      running(
        'certificate-folder.ts',
        async ({ port }) => {
          expect(await page(port)).toBe(`You reached localhost:${port}\n`);
          expect((await readdir(folder.path)).sort()).toEqual(['default.crt', 'default.key']);
          const { cert: certPem, key: keyPem } = await (await testCa()).issue({ names: ['late.localhost'] });
          await writeFile(folder.file('late.localhost-key.pem'), keyPem, { mode: 0o600 });
          await writeFile(folder.file('late.localhost.pem'), certPem);
          await until(async () => (await certificateOf(port, 'late.localhost')) === firstOf(certPem));
        },
        { env: { ...ANY_PORTS, CERTS_DIR: folder.path } },
      ),
    ));

  it('two-kinds-of-key.ts, each to clients that can check it', () =>
    withTemporaryFolder(async (folder) => {
      const ca = await testCa();
      for (const [kind, keyType] of [
        ['ecdsa', 'ecdsa-p256'],
        ['rsa', 'rsa-2048'],
      ] as const) {
        await (await ca.issue({ names: ['localhost'], keyType })).writeTo(folder.path, `localhost.${kind}`);
      }
      await running(
        'two-kinds-of-key.ts',
        async ({ port }) => {
          for (const [sigalgs, type] of [
            ['ECDSA+SHA256', 'ec'],
            ['RSA-PSS+SHA256', 'rsa'],
          ] as const) {
            const options = { servername: 'localhost', rejectUnauthorized: false, sigalgs };
            const socket = connectTls({ port, host: '127.0.0.1', ...options });
            await once(socket, 'secureConnect');
            expect(socket.getPeerX509Certificate()?.publicKey.asymmetricKeyType).toBe(type);
            socket.destroy();
          }
        },
        { env: { ...ANY_PORTS, CERTS_DIR: folder.path } },
      );
    }));

  it('certbot.ts, with all lineages', () =>
    withTemporaryFolder(async (folder) => {
      const ca = await testCa();
      const leaves = new Map<string, string>();
      for (const name of ['one.localhost', 'two.localhost']) {
        const pair = await ca.issue({ names: [name] });
        leaves.set(name, firstOf(pair.cert));
        await writeLineage(folder, name, pair);
      }
      await running(
        'certbot.ts',
        async ({ port }) => {
          for (const [name, leaf] of leaves) expect(await certificateOf(port, name)).toBe(leaf);
        },
        { env: { ...ANY_PORTS, CERTBOT_DIR: folder.file('live') } },
      );
    }));

  it('mkcert.ts, as mkcert itself has written them', () =>
    withTemporaryFolder(async (folder) => {
      const env = { CAROOT: folder.file('authority') };
      await mkdir(folder.file('certs'));
      const mkcert = async (...names: string[]): Promise<void> => {
        const request = { program: 'mkcert', args: names, env, cwd: folder.file('certs') };
        expect(await run(request)).toMatchObject({ exitCode: 0 });
      };
      await mkcert('localhost', '127.0.0.1', '::1');
      await running(
        'mkcert.ts',
        async ({ port }) => {
          const caPem = await readFile(folder.file('authority', 'rootCA.pem'), 'utf8');
          const visit = async (host: string): Promise<string> =>
            (await nodeHttps({ port, host, caPem })).body;
          expect(await visit('localhost')).toBe(`You reached localhost:${port}\n`);
          expect(await visit('127.0.0.1')).toBe(`You reached 127.0.0.1:${port}\n`);
          await mkcert('*.app.localhost');
          await until(() => visit('one.app.localhost').then(Boolean, () => false));
          expect((await readdir(folder.file('certs'))).sort()).toEqual([
            '_wildcard.app.localhost-key.pem',
            '_wildcard.app.localhost.pem',
            'localhost+2-key.pem',
            'localhost+2.pem',
          ]);
        },
        { env: { ...ANY_PORTS, CERTS_DIR: folder.file('certs') } },
      );
    }));

  it('kubernetes.ts, from the folder that a secret is mounted at', () =>
    withTemporaryFolder(async (folder) => {
      const { cert: certPem, key: keyPem } = await (await testCa()).issue({ names: ['localhost'] });
      await mkdir(folder.file('..2026_11_20'));
      await symlink('..2026_11_20', folder.file('..data'));
      for (const [name, text] of Object.entries({ 'tls.crt': certPem, 'tls.key': keyPem })) {
        await writeFile(folder.file('..2026_11_20', name), text, { mode: 0o600 });
        await symlink(join('..data', name), folder.file(name));
      }
      await running(
        'kubernetes.ts',
        async ({ port }) => {
          expect(await certificateOf(port)).toBe(firstOf(certPem));
        },
        { env: { ...ANY_PORTS, CERTS_DIR: folder.path } },
      );
    }));
});

describe('An example orders its certificate:', () => {
  it('acme.ts, from a real authority, by the one TLS port', () =>
    ordering('acme.ts', { DOMAINS: 'example.localhost' }, async ({ output }, visit) => {
      expect(await visit('example.localhost')).toMatch(/^You reached example\.localhost:\d+\n$/);
      expect(output()).toMatch(/^Certificate issued: example\.localhost, until 20/m);
    }));

  it('acme-on-demand.ts, for the names in its database alone', () =>
    ordering('acme-on-demand.ts', { DOMAINS: 'one.test,two.test' }, async (_, visit) => {
      expect(await visit('one.test')).toMatch(/^The site of one\.test:\d+\n$/);
      expect(await visit('two.test')).toMatch(/^The site of two\.test:\d+\n$/);
    }));

  it('acme-express.ts, for an Express app', () =>
    ordering('acme-express.ts', { DOMAINS: 'express.localhost' }, async (_, visit) => {
      expect(await visit('express.localhost')).toBe('You reached express.localhost over https');
    }));

  it('acme-export.ts, which other programs get as files', () =>
    withTemporaryFolder(async (folder) => {
      const env = {
        DOMAIN: 'mail.test',
        EXPORT_DIR: folder.path,
        RELOAD: `touch ${folder.file('reloaded')}`,
      };
      await ordering('acme-export.ts', env, async ({ output }, visit) => {
        await visit('mail.test');
        await until(() => Promise.resolve(output().includes('Exported: mail.test')));
        const [cert, key] = await Promise.all(
          ['fullchain.pem', 'privkey.pem'].map((name) => readFile(folder.file('mail.test', name))),
        );
        expect(new X509Certificate(cert!).checkPrivateKey(createPrivateKey(key!))).toBe(true);
        expect((await stat(folder.file('reloaded'))).isFile()).toBe(true);
      });
    }));

  it('acme-dns.ts, for a name and all below it, by records', () =>
    ordering('acme-dns.ts', { DOMAIN: 'wild.test' }, async (_, visit) => {
      expect(await visit('any.wild.test')).toMatch(/^You reached any\.wild\.test:\d+\n$/);
      expect(await visit('wild.test')).toMatch(/^You reached wild\.test:\d+\n$/);
    }));
});

/** With a certificate authority, and a way to visit a host whose certificate comes from it. */
async function ordering(
  name: string,
  env: Readonly<Record<string, string>>,
  use: (example: Running, visit: (host: string) => Promise<string>) => Promise<void>,
): Promise<void> {
  await withTemporaryFolder(async (folder) => {
    const pebble = await startPebble();
    const { tlsPort: port } = pebble;
    try {
      const caPem = await pebble.rootPem();
      const visit = async (host: string): Promise<string> => (await nodeHttps({ port, host, caPem })).body;
      await running(name, (example) => use(example, visit), {
        env: {
          ...{ STORAGE_DIR: folder.file('storage'), XDG_DATA_HOME: folder.file('data') },
          ...{ DIRECTORY_URL: pebble.directoryUrl, SERVER_CA_FILE: pebble.serverCaFile },
          ...{ PORT: String(port), HTTP_PORT: String(pebble.httpPort) },
          ...{ DNS_API: `http://127.0.0.1:${pebble.ports.dnsManagement}`, ...env },
        },
      });
    } finally {
      await pebble.stop();
    }
  });
}

describe('quick-start.ts, which is `npm start`,', () => {
  it('prints curl lines that work as they are, one for each source', async () => {
    let trustFile = '';
    await running('quick-start.ts', async ({ port, output }) => {
      const lines = output().match(/^ *curl .*$/gm) ?? [];
      trustFile = /--cacert (\S+)/.exec(lines[0] ?? '')?.[1] ?? '';
      const bodies = await Promise.all(lines.map((line) => shell(line.trim())));
      expect(bodies).toEqual(
        ['localhost', 'files.localhost'].map((host) =>
          expect.stringContaining(`<h1>${host}:${port} over TLS</h1>`),
        ),
      );
      expect(output()).toMatch(/^ {2}file-pair: files\.localhost$/m);
      expect(output()).toMatch(/^ {2}self-signed: localhost, 127\.0\.0\.1, ::1/m);
    });
    await expect(access(dirname(trustFile))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('says so when port 8443 is taken, and takes the next one', async () => {
    const blocker = await holdPort(8443);
    try {
      await running(
        'quick-start.ts',
        ({ port, output }) => {
          expect(output()).toMatch(/^Port 8443 is taken, trying 8444\.$/m);
          expect(port).toBeGreaterThan(8443);
          return Promise.resolve();
        },
        { env: {} },
      );
    } finally {
      blocker.close();
    }
  });

  it('fails, with the code, when the port that PORT asks for is taken', async () => {
    const blocker = createServer().listen(0);
    await once(blocker, 'listening');
    const { port } = blocker.address() as { port: number };
    const { exitCode, stderr } = await runExample('quick-start.ts', { PORT: String(port) });
    blocker.close();
    expect(exitCode).toBe(1);
    expect(stderr).toContain("code: 'PORT_IN_USE'");
  });
});

describe('An example of a test passes under node:test:', () => {
  it.each(['testing-a-source.ts', 'testing-a-storage.ts'])('%s', async (name) => {
    const { exitCode, stdout } = await runExample(name, {});
    expect(stdout).toMatch(/^\S+ pass [1-9]/m);
    expect(stdout).toMatch(/^\S+ fail 0$/m);
    expect(exitCode).toBe(0);
  });
});

/** As certbot lays it out: files in archive/, links to the newest in live/. */
async function writeLineage(
  folder: TemporaryFolder,
  name: string,
  { cert, key }: { cert: string; key: string },
): Promise<void> {
  for (const kind of ['archive', 'live']) await mkdir(folder.file(kind, name), { recursive: true });
  for (const [file, text] of Object.entries({ fullchain: cert, privkey: key })) {
    await writeFile(folder.file('archive', name, `${file}1.pem`), text, { mode: 0o600 });
    await symlink(
      join('..', '..', 'archive', name, `${file}1.pem`),
      folder.file('live', name, `${file}.pem`),
    );
  }
}

/** The first certificate in a chain, as node prints it. */
function firstOf(pem: string): string {
  return String(new X509Certificate(pem));
}

/** Starts an example, gives it to `use` once it has printed a URL and all that follows, and sees it end. */
async function running(
  name: string,
  use: (example: Running) => Promise<void>,
  { env = ANY_PORTS }: RunningOptions = {},
): Promise<void> {
  const child = spawn(process.execPath, argumentsFor(name), { cwd: CHECKOUT, env: environmentWith(env) });
  const output = { stdout: '', stderr: '' };
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (output.stderr += chunk));
  const exited = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  try {
    await new Promise<void>((resolve, reject) => {
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
        output.stdout += chunk;
        if (isReady(name, output.stdout)) resolve();
      });
      void exited.then(([code]) => {
        reject(
          new Error(`${name} ended with ${code} before it listened:\n${output.stdout}\n${output.stderr}`),
        );
      });
    });
    const port = Number(HTTPS_URL.exec(output.stdout)?.[1]);
    await use({ child, port, output: () => output.stdout });
    child.kill('SIGTERM');
    const limit = setTimeout(() => child.kill('SIGKILL'), EXIT_LIMIT_MS);
    const [exitCode, signal] = await exited;
    clearTimeout(limit);
    expect({ exitCode, signal }).toEqual({ exitCode: 0, signal: null });
    expect(output.stderr).toBe('');
  } finally {
    child.kill('SIGKILL');
    await exited;
  }
}

/** Whether an example has printed its last line: by then it listens and heeds signals. */
function isReady(name: string, stdout: string): boolean {
  const last: Readonly<Record<string, RegExp>> = {
    'quick-start.ts': /Ctrl\+C ends it\.\n/,
    'own-port-80.ts': /Plain HTTP at .*\n/,
    'persistent-self-signed.ts': /Certificate .*\n/,
  };
  return (last[name] ?? /Listening at .*\n/).test(stdout);
}

/** Listens on a port, or leaves it to whoever has had it for seconds already. */
async function holdPort(port: number): Promise<Server> {
  const server = createServer();
  for (let attempt = 0; attempt < 50 && !server.listening; attempt += 1) {
    try {
      await once(server.listen(port), 'listening');
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  return server;
}

/** Runs an example that ends by itself. */
function runExample(name: string, env: Readonly<Record<string, string>>): ReturnType<typeof run> {
  return run({ program: process.execPath, args: argumentsFor(name), env, timeLimitMs: 60_000 });
}

/** The quick start by tsx, as `npm start` runs it; the others compiled, because that starts sooner. */
function argumentsFor(name: string): string[] {
  const file = join(CHECKOUT, 'docs', 'examples', name);
  return name === 'quick-start.ts' ? ['--import', 'tsx', file] : [compiled(file)];
}

function environmentWith(env: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const inherited = Object.entries(environmentWithoutTrust()).filter(([variable]) => variable !== 'PORT');
  return { ...Object.fromEntries(inherited), ...env };
}

/** What a browser would show that trusts the certificate served, and nothing else. */
async function page(port: number, { host = 'localhost', path = '/' } = {}): Promise<string> {
  const { body } = await nodeHttps({ port, host, path, caPem: await certificateOf(port, host) });
  return body;
}

async function pageByHttp2(port: number): Promise<string> {
  const { alpn, body } = await nodeHttp2({ port, caPem: await certificateOf(port) });
  expect(alpn).toBe('h2');
  return body;
}

async function plainPage(port: number, path: string): Promise<object> {
  const request = get({
    host: '127.0.0.1',
    port,
    path,
    agent: false,
    headers: { host: `localhost:${port}` },
  });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const { location } = response.headers;
  return { status: response.statusCode, location, body: await text(response) };
}

/** The certificate served for `host`, taken on trust; whether it covers the host is left to the client. */
async function certificateOf(port: number, host = 'localhost'): Promise<string> {
  const socket = connectTls({ host: '127.0.0.1', port, servername: host, rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const certificate = socket.getPeerX509Certificate();
  socket.destroy();
  return String(certificate);
}

async function shell(line: string): Promise<string> {
  const { exitCode, stdout, stderr } = await run({
    program: 'sh',
    args: ['-c', `${line} --silent --show-error`],
  });
  expect({ line, exitCode, stderr }).toEqual({ line, exitCode: 0, stderr: '' });
  return stdout;
}
