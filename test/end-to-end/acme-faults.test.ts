// acme() when something is wrong: the authority, the way to it, the way back, the account, the storage. Whatever it is,
// it gets a code, the certificate in use goes on serving, and the process lives.
import { describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer as createTlsServer } from 'node:tls';
import { type AcmeOptions, memoryStorage, type SecureServerOptions, type Storage } from '../../src/index.js';
import { testCa } from '../support/certificates.js';
import { askOnly, startDnsServer } from '../support/dns-server.js';
import type { Pebble } from '../support/pebble.js';
import type { PebbleFront } from '../support/pebble-front.js';
import { until } from '../support/until.js';
import {
  acmePage,
  acmeServer,
  acmeServing,
  type AcmeServing,
  HOST,
  nameGenerator,
  nextFailure,
} from './support/acme-server.js';
import { closesAfterEach } from './support/cleanup.js';
import { shiftedClock } from './support/clocks.js';
import { frontedPebble } from './support/fronted-pebble.js';
import { tls } from './support/connections.js';

const keep = closesAfterEach();
const newName = nameGenerator('fault');
let pebble: Pebble;
let front: PebbleFront;

frontedPebble(
  (started) => {
    ({ pebble, front } = started);
  },
  { blockedNames: ['blocked.test'] },
);

interface Changes {
  readonly options?: Partial<AcmeOptions>;
  readonly server?: SecureServerOptions;
}

/** Through the front. */
function serving(name: string, { options, server }: Changes = {}): Promise<AcmeServing> {
  const { directoryUrl } = front;
  return acmeServing({
    ...{ pebble, keep },
    options: { domains: name, directoryUrl, ...options },
    ...(server === undefined ? {} : { server }),
  });
}

function problem(type: string, detail: string): object {
  return { type: `urn:ietf:params:acme:error:${type}`, detail };
}

function paths(path: string): number {
  return front.requests.filter((request) => request.path === path).length;
}

describe('A certificate authority', () => {
  it('that is down at the start is asked again by the ladder, and the certificate comes once it is up', async () => {
    const name = newName();
    const clock = shiftedClock();
    front.intercept = () => 'reset';
    const { secure, failed } = await serving(name, { server: { clock } });
    await nextFailure({ secure });
    expect(failed).toMatchObject([{ error: { code: 'ACME_UNREACHABLE' }, attempt: 1 }]);
    expect(failed[0]).not.toHaveProperty('validUntil');
    expect(secure.status().certificates).toMatchObject([
      { names: [name], state: 'pending', attempts: 1, lastError: { code: 'ACME_UNREACHABLE' } },
    ]);
    front.intercept = () => undefined;
    clock.aheadMs = 120_000;
    expect(await acmePage(pebble, name)).toMatchObject({ status: 200, names: `DNS:${name}` });
  });

  it('that nobody listens for is named with its origin and cause', async () => {
    const options = { directoryUrl: 'https://127.0.0.1:1/dir' };
    const { secure } = await serving(newName(), { options });
    const { error } = await nextFailure({ secure });
    expect(error).toMatchObject({ code: 'ACME_UNREACHABLE', cause: { code: 'ECONNREFUSED' } });
    expect(error.message).toContain('https://127.0.0.1:1');
  });

  it('that is not trusted says what to do about it', async () => {
    const root = await testCa({ name: 'Other' });
    const { rootFile } = await root.writeTo(new URL('.', `file://${pebble.serverCaFile}`).pathname);
    const { secure } = await serving(newName(), { options: { serverCaFile: rootFile } });
    const { error } = await nextFailure({ secure });
    expect(error.code).toBe('ACME_UNREACHABLE');
    expect(error.message).toContain('does not trust');
    expect(error.hint).toContain('serverCaFile');
  });

  it.each([
    ['HTML in place of a directory', { status: 200, body: '<html>' }, 'ACME_RESPONSE_INVALID'],
    ['a directory without its parts', jsonAnswer('{"newNonce":1}'), 'ACME_RESPONSE_INVALID'],
    ['half a directory', jsonAnswer('{"newNonce":"https:'), 'ACME_RESPONSE_INVALID'],
    ['a fault of its own', { status: 500, body: 'oops' }, 'ACME_SERVER_ERROR'],
    ['a page too long for anything', { status: 200, body: 'x'.repeat(600_000) }, 'ACME_RESPONSE_INVALID'],
  ])('that answers with %s has a code for it', async (_, answer, code) => {
    front.intercept = ({ path }) => (path === '/dir' ? answer : undefined);
    const { secure } = await serving(newName());
    expect((await nextFailure({ secure })).error.code).toBe(code);
  });

  it('that limits the rate for a day is left alone for a day, also by renew() and after a restart', async () => {
    const name = newName();
    const storage = memoryStorage();
    front.intercept = ({ path }) =>
      path === '/order-plz'
        ? {
            status: 429,
            headers: { 'retry-after': '86400' },
            body: problem('rateLimited', 'too many certificates already issued'),
          }
        : undefined;
    const { secure } = await serving(name, { server: { storage } });
    const { error, nextAttempt } = await nextFailure({ secure });
    expect(error).toMatchObject({ code: 'ACME_RATE_LIMITED', problemType: 'rateLimited', status: 429 });
    expect(error.message).toContain('too many certificates already issued');
    expect(Date.parse(String(nextAttempt)) - Date.now()).toBeGreaterThan(86_000_000);
    await expect(secure.renew(name)).rejects.toMatchObject({ code: 'ACME_RATE_LIMITED' });
    await secure.close({ graceMs: 0 });
    const again = await serving(name, { server: { storage } });
    await expect(again.secure.renew(name)).rejects.toMatchObject({ code: 'ACME_RATE_LIMITED' });
    expect(paths('/order-plz')).toBe(1);
  });

  it('that takes no more orders of this account is not asked for other certificates either, also after a restart', async () => {
    const storage = memoryStorage();
    const [refused, other] = [newName(), newName()];
    const detail = 'too many new orders (300) from this account in the last 3h0m0s';
    front.intercept = ({ path }) =>
      path === '/order-plz'
        ? { status: 429, headers: { 'retry-after': '3600' }, body: problem('rateLimited', detail) }
        : undefined;
    const first = await serving(refused, { server: { storage } });
    await nextFailure(first);
    await first.secure.close({ graceMs: 0 });
    const second = await serving(other, { server: { storage } });
    await expect(second.secure.renew(other)).rejects.toMatchObject({ code: 'ACME_RATE_LIMITED' });
    const [state] = second.secure.status().certificates;
    expect(state).toMatchObject({ attempts: 0, lastError: { code: 'ACME_RATE_LIMITED' } });
    expect(state?.lastError?.message).toContain(detail);
    expect(Date.parse(String(state?.nextAttempt)) - Date.now()).toBeGreaterThan(3_000_000);
    expect(paths('/order-plz')).toBe(1);
  });

  it('that has paused the name is not asked again before a person says so', async () => {
    const name = newName();
    const clock = shiftedClock();
    const link = 'https://portal.example/sfe/v1/unpause?jwt=abc';
    const detail = `Your account is temporarily prevented from requesting certificates. Please visit: ${link}`;
    front.intercept = ({ path }) =>
      path === '/order-plz' ? { status: 429, body: problem('rateLimited', detail) } : undefined;
    const { secure } = await serving(name, { server: { clock }, options: { waitMs: 0 } });
    const { error, nextAttempt } = await nextFailure({ secure });
    expect(error.code).toBe('ACME_PAUSED');
    expect(error.message).toContain(link);
    expect(nextAttempt).toBeUndefined();
    expect(secure.status().certificates[0]).toMatchObject({ state: 'pending', attempts: 1 });
    clock.aheadMs = 100 * 86_400_000;
    await expect(acmePage(pebble, name)).rejects.toThrow();
    expect(paths('/order-plz')).toBe(1);
    clock.aheadMs = 0;
    front.intercept = () => undefined;
    await secure.renew(name);
    expect(await acmePage(pebble, name)).toMatchObject({ status: 200 });
  });

  it('that refuses every nonce is given up after 26 tries, none of them with a nonce used before', async () => {
    front.intercept = ({ method, nonce }) =>
      method === 'POST'
        ? {
            status: 400,
            headers: { 'replay-nonce': `fresh-${nonce ?? ''}`.slice(-200) },
            body: problem('badNonce', 'not that one'),
          }
        : undefined;
    const { secure } = await serving(newName());
    const { error } = await nextFailure({ secure });
    expect(error).toMatchObject({ problemType: 'badNonce' });
    const posts = front.requests.filter(({ method }) => method === 'POST');
    expect(posts).toHaveLength(26);
    expect(new Set(posts.map(({ nonce }) => nonce)).size).toBe(26);
  });

  it('is never sent a nonce twice, however many orders run at a time', async () => {
    const names = Array.from({ length: 10 }, newName);
    const { secure } = await serving(names.join());
    await secure.ready();
    const nonces = front.requests.map(({ nonce }) => nonce).filter((nonce) => nonce !== undefined);
    expect(new Set(nonces).size).toBe(nonces.length);
    const heads = front.requests.filter(({ method }) => method === 'HEAD').length;
    expect(heads).toBeLessThan(nonces.length / 4);
  });

  it('that never issues for a name makes ready() reject, and the others are not kept waiting', async () => {
    const name = newName();
    const { secure, failed } = await serving(`blocked.test, ${name}`);
    await expect(secure.ready()).rejects.toMatchObject({
      code: 'ACME_IDENTIFIER_REJECTED',
      isPermanent: true,
    });
    expect(failed[0]?.error.message).toMatch(/blocked\.test/);
    expect(await acmePage(pebble, name)).toMatchObject({ status: 200 });
  });

  it('that breaks the connection while it is polled costs no order', async () => {
    let broken = 0;
    front.intercept = ({ path, payload }) => {
      if (!path.startsWith('/authZ/') || payload !== undefined || broken >= 3) return undefined;
      if (paths(path) < 2) return undefined;
      broken += 1;
      return 'reset';
    };
    const { secure } = await serving(newName());
    await secure.ready();
    expect(broken).toBe(3);
    expect(paths('/order-plz')).toBe(1);
  });

  it('that never answers is left alone when the server closes', async () => {
    front.intercept = () => 'hang';
    const { secure } = await serving(newName());
    await until(() => front.requests.length > 0);
    await secure.close({ graceMs: 0 });
  });
});

describe('A certificate that is revoked', () => {
  it('and could not be replaced is replaced by the next attempt, or by revoking it again', async () => {
    const name = newName();
    const { secure, source, failed } = await serving(name);
    await secure.ready();
    const { serialNumber } = await acmePage(pebble, name);
    front.intercept = ({ path }) =>
      path === '/order-plz' ? { status: 503, body: problem('serverInternal', 'not now') } : undefined;
    await expect(source.revoke(name)).rejects.toMatchObject({ code: 'ACME_SERVER_ERROR' });
    expect(await pebble.certificateStatus(serialNumber)).toBe('Revoked');
    expect(failed).toMatchObject([{ attempt: 1, nextAttempt: expect.any(String) }]);
    front.intercept = () => undefined;
    await source.revoke(name);
    const next = await acmePage(pebble, name);
    expect(next.serialNumber).not.toBe(serialNumber);
    expect(await pebble.certificateStatus(next.serialNumber)).toBe('Valid');
  });

  it('stays in use when the authority does not revoke it', async () => {
    const name = newName();
    const { secure, source, failed } = await serving(name);
    await secure.ready();
    const { serialNumber } = await acmePage(pebble, name);
    front.intercept = ({ path }) =>
      path === '/revoke-cert' ? { status: 403, body: problem('unauthorized', 'not yours') } : undefined;
    await expect(source.revoke(name)).rejects.toMatchObject({
      code: 'ACME_REFUSED',
      message: expect.stringContaining('not yours'),
    });
    expect(await acmePage(pebble, name)).toMatchObject({ status: 200, serialNumber });
    expect(failed).toEqual([]);
  });

  it('is one that is managed, of a server that has started', async () => {
    const { source } = acmeServer({ pebble, keep, options: { domains: newName() } });
    await expect(source.revoke('a.test')).rejects.toMatchObject({ code: 'NOT_STARTED' });
    await expect(source.revoke('no name')).rejects.toThrow(TypeError);
    const { source: running } = await serving(newName());
    await expect(running.revoke('else.test')).rejects.toMatchObject({ code: 'NAME_NOT_MANAGED' });
  });
});

describe('Names that come and go', () => {
  it('may come before the start, and go while their order is on its way', async () => {
    const [early, gone, late] = [newName(), newName(), newName()];
    const { secure, source, failed } = acmeServer({
      ...{ pebble, keep, options: { domains: [], directoryUrl: front.directoryUrl } },
    });
    await source.manage([early]);
    await secure.listen({ port: pebble.tlsPort, host: HOST });
    expect(await acmePage(pebble, early)).toMatchObject({ status: 200 });
    let isFinalizing = false;
    front.intercept = ({ path }) => {
      if (!path.startsWith('/finalize-order/')) return undefined;
      isFinalizing = true;
      return 'hang';
    };
    await source.manage(gone);
    await until(() => isFinalizing);
    await source.unmanage(gone);
    front.intercept = () => undefined;
    expect(secure.status().certificates.map(({ names }) => names)).toEqual([[early]]);
    await expect(acmePage(pebble, gone)).rejects.toThrow();
    await secure.ready();
    await source.manage([[late, early]]);
    await secure.ready();
    expect(secure.status().certificates).toHaveLength(2);
    // It comes back, and its order is taken up where it was.
    front.requests.length = 0;
    await source.manage(gone);
    expect(await acmePage(pebble, gone)).toMatchObject({ status: 200 });
    expect(paths('/order-plz')).toBe(0);
    expect(failed).toEqual([]);
  });
});

describe('A validator', () => {
  it('is answered while a validation runs, and the server takes its answers back afterwards', async () => {
    const name = newName();
    const { secure } = await serving(name);
    await secure.ready();
    const asValidator = tls(pebble.tlsPort, {
      ...{ servername: name, ALPNProtocols: ['acme-tls/1'], rejectUnauthorized: false },
    });
    await expect(asValidator).rejects.toThrow(/unrecognized name/);
  });

  it('that finds no port open is told of, and the next type of challenge is tried at once', async () => {
    const name = newName();
    const { secure, warnings, failed } = acmeServer({
      ...{ pebble, keep },
      options: { domains: name, directoryUrl: front.directoryUrl },
      server: { http: { port: pebble.httpPort } },
    });
    await secure.listen({ port: 0, host: HOST });
    await secure.ready();
    expect(failed).toEqual([]);
    expect(warnings.join()).toMatch(new RegExp(`${name} by tls-alpn-01: Failed to connect`));
    expect(paths('/order-plz')).toBe(2);
    // What worked last is tried first.
    await secure.renew(name);
    expect(paths('/order-plz')).toBe(3);
  });

  it('that finds nothing open anywhere ends in one error with every reason', async () => {
    const name = newName();
    const { secure, failed } = acmeServer({
      ...{ pebble, keep },
      options: { domains: name, directoryUrl: front.directoryUrl, challenges: ['tls-alpn-01', 'http-01'] },
    });
    await secure.listen({ port: 0, host: HOST });
    await nextFailure({ secure });
    expect(failed).toMatchObject([{ error: { code: 'ACME_CONNECTION', names: [name] } }]);
    expect(failed[0]?.error.message).toMatch(/by tls-alpn-01: .*; .* by http-01: /);
    expect(paths('/order-plz')).toBe(2);
  });

  it('that finds no port open is helped by where the name leads and where this server listens', async () => {
    const name = newName();
    const dns = await startDnsServer({ [name]: { a: ['127.0.0.1'], aaaa: ['2001:db8::7'] } });
    const askAgain = askOnly(dns);
    try {
      const { secure } = acmeServer({
        ...{ pebble, keep },
        options: { domains: name, directoryUrl: front.directoryUrl },
      });
      await secure.listen({ port: 0, host: HOST });
      const { error } = await nextFailure({ secure });
      const { port = 0 } = secure.status().listeners[0] ?? {};
      expect(error.code).toBe('ACME_CONNECTION');
      expect(error.message).toContain(`${name} leads to A 127.0.0.1 and AAAA 2001:db8::7.`);
      expect(error.message).toContain(`It listens for tls-alpn-01 at ${HOST}:${port}.`);
      expect(error.hint).toContain(`port 443: it must lead to port ${port} of this server`);
      expect(secure.status().certificates[0]?.lastError?.message).toBe(error.message);
    } finally {
      askAgain();
      await dns.stop();
    }
  });

  it('that meets another TLS server says that something is in between', async () => {
    const { cert, key } = await (await testCa()).issue({ names: ['proxy.test'] });
    const other = keep(createTlsServer({ cert, key, ALPNProtocols: ['acme-tls/1', 'http/1.1'] }));
    other.on('tlsClientError', () => undefined);
    other.on('secureConnection', (socket) => socket.on('error', () => undefined).end());
    other.listen(pebble.tlsPort, HOST);
    await once(other, 'listening');
    const { secure } = acmeServer({ pebble, keep, options: { domains: newName() } });
    await secure.listen({ port: 0, host: HOST });
    expect((await nextFailure({ secure })).error).toMatchObject({ code: 'ACME_ALPN_INTERCEPTED' });
  });
});

describe('An order that was begun', () => {
  it.each([
    ['stored', '/orders/'],
    ['finished, with a certificate that could not be stored', '/current'],
  ])('is taken up by the next process when it was just %s', async (_, segment) => {
    const name = newName();
    const storage = memoryStorage();
    let isBroken = true;
    const breaking: Storage = {
      ...storage,
      put: async (key, bytes, options) => {
        const isCut = isBroken && key.includes(segment);
        if (isCut && segment === '/current') throw new Error('killed');
        const put = await storage.put(key, bytes, options);
        if (isCut) throw new Error('killed');
        return put;
      },
    };
    const first = await serving(name, { server: { storage: breaking } });
    await nextFailure(first);
    await first.secure.close({ graceMs: 0 });
    isBroken = false;
    const second = await serving(name, { server: { storage } });
    await second.secure.renew(name);
    expect(paths('/order-plz')).toBe(1);
    expect(await acmePage(pebble, name)).toMatchObject({ status: 200, names: `DNS:${name}` });
    // It has done its work: the next renewal is another order.
    await second.secure.renew(name);
    expect(paths('/order-plz')).toBe(2);
  });

  it('whose authorization failed while nobody was there is ordered anew in the same attempt', async () => {
    const name = newName();
    const storage = memoryStorage();
    const first = await serving(name, { server: { storage: killedAfterOrder(storage) } });
    await nextFailure(first);
    await first.secure.close({ graceMs: 0 });
    // The authority had been told to validate, and decides only after the next process has looked.
    let asked = 0;
    let url = '';
    front.intercept = ({ path }) => {
      if (!path.startsWith('/authZ/') || (url !== '' && url !== path)) return undefined;
      url = path;
      return jsonAnswer(JSON.stringify(authorization(name, (asked += 1) > 1)));
    };
    const second = await serving(name, { server: { storage }, options: { challenges: ['tls-alpn-01'] } });
    await second.secure.renew(name);
    expect(asked).toBe(2);
    expect(second.failed).toEqual([]);
    expect(paths('/order-plz')).toBe(2);
  });

  it('that the authority has forgotten is ordered anew in the same attempt', async () => {
    const name = newName();
    const storage = memoryStorage();
    const first = await serving(name, { server: { storage: killedAfterOrder(storage) } });
    await nextFailure(first);
    await first.secure.close({ graceMs: 0 });
    let isForgotten = true;
    front.intercept = ({ path }) => {
      if (!path.startsWith('/my-order/') || !isForgotten) return undefined;
      isForgotten = false;
      return { status: 404, body: problem('malformed', 'no such order') };
    };
    const second = await serving(name, { server: { storage } });
    await second.secure.renew(name);
    expect(second.failed).toEqual([]);
    expect(paths('/order-plz')).toBe(2);
  });
});

describe('A storage that cannot be written', () => {
  it('means that nothing is ordered', async () => {
    const storage: Storage = { ...memoryStorage(), put: () => Promise.reject(new Error('read-only')) };
    const { secure } = await serving(newName(), { server: { storage } });
    expect(secure.status().findings).toMatchObject([{ code: 'STORAGE_NOT_WRITABLE', source: 'acme' }]);
    expect(front.requests).toEqual([]);
  });
});

/** A storage whose process is gone right after it has stored an order. */
function killedAfterOrder(storage: Storage): Storage {
  return {
    ...storage,
    put: async (key, bytes, options) => {
      const put = await storage.put(key, bytes, options);
      if (key.includes('/orders/')) throw new Error('killed');
      return put;
    },
  };
}

/** One whose validation was begun by somebody else. */
function authorization(value: string, isFailed: boolean): object {
  const error = problem('connection', 'nobody answered');
  const challenge = { type: 'tls-alpn-01', url: `${front.directoryUrl}/x`, token: 'token' };
  return {
    identifier: { type: 'dns', value },
    status: isFailed ? 'invalid' : 'pending',
    challenges: [
      isFailed ? { ...challenge, status: 'invalid', error } : { ...challenge, status: 'processing' },
    ],
  };
}

function jsonAnswer(body: string): { status: number; headers: Record<string, string>; body: string } {
  return { status: 200, headers: { 'content-type': 'application/json' }, body };
}
