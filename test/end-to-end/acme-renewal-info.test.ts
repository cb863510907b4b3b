// Renewal information (RFC 9773) with a real authority: Pebble, and a front that adds what Debian's Pebble lacks.
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { X509Certificate } from 'node:crypto';
import { memoryStorage, type Clock, type Storage } from '../../src/index.js';
import { run } from '../support/clients.js';
import { type Pebble, startPebble } from '../support/pebble.js';
import { type PebbleFront, startPebbleFront } from '../support/pebble-front.js';
import { withTemporaryFolder } from '../support/temporary-folder.js';
import { writeFile } from 'node:fs/promises';
import { acmeServing, type AcmeServing, HOST, nameGenerator } from './support/acme-server.js';
import { closesAfterEach } from './support/cleanup.js';
import { tls } from './support/connections.js';

jest.setTimeout(20_000);

const HOUR_MS = 3_600_000;
const keep = closesAfterEach();
const newName = nameGenerator('window');
let pebble: Pebble;
let front: PebbleFront;
/** What the authority suggests, in hours from now. */
let suggested: { start: number; end: number };
/** The predecessors of which a certificate was ordered already. */
let replaced: Set<unknown>;

beforeAll(async () => {
  pebble = await startPebble();
  front = await startPebbleFront(pebble);
});

afterAll(async () => {
  await front.stop();
  await pebble.stop();
});

beforeEach(() => {
  front.requests.length = 0;
  suggested = { start: 200, end: 300 };
  replaced = new Set();
  const { origin } = new URL(front.directoryUrl);
  front.intercept = ({ path, payload }) => {
    if (path === '/dir') return json(directory(origin));
    if (path.startsWith('/renewal-info/')) {
      const at = (hours: number): string => new Date(Date.now() + hours * HOUR_MS).toISOString();
      const window = { start: at(suggested.start), end: at(suggested.end) };
      return json({ suggestedWindow: window, explanationURL: 'https://ca.test/why' });
    }
    const predecessor = payload?.['replaces'];
    if (path !== '/order-plz' || predecessor === undefined) return undefined;
    if (replaced.has(predecessor)) {
      return { status: 409, body: { type: 'urn:ietf:params:acme:error:alreadyReplaced', detail: 'twice' } };
    }
    replaced.add(predecessor);
    return undefined;
  };
});

function directory(origin: string): object {
  return {
    newNonce: `${origin}/nonce-plz`,
    newAccount: `${origin}/sign-me-up`,
    newOrder: `${origin}/order-plz`,
    revokeCert: `${origin}/revoke-cert`,
    renewalInfo: `${origin}/renewal-info`,
  };
}

function json(body: object): { status: number; headers: Record<string, string>; body: string } {
  return {
    status: 200,
    headers: { 'content-type': 'application/json', 'retry-after': '21600' },
    body: JSON.stringify(body),
  };
}

function serving(name: string, storage: Storage, aheadMs = 0): Promise<AcmeServing> {
  const clock: Clock = {
    now: () => Date.now() + aheadMs,
    setTimeout: (callback, delayMs) => setTimeout(callback, delayMs).unref(),
    clearTimeout: (handle) => {
      clearTimeout(handle as NodeJS.Timeout);
    },
  };
  const { directoryUrl } = front;
  return acmeServing({
    ...{ pebble, keep, options: { domains: name, directoryUrl } },
    server: { storage, clock },
  });
}

function asked(): readonly string[] {
  return front.requests.map(({ path }) => path).filter((path) => path.startsWith('/renewal-info/'));
}

function ordersWith(): readonly unknown[] {
  const orders = front.requests.filter(({ path }) => path === '/order-plz');
  return orders.map(({ payload }) => payload?.['replaces']);
}

/** As RFC 9773 §4.1 has it, by openssl alone. */
async function identifierOf(name: string): Promise<string> {
  const socket = await tls(pebble.tlsPort, { host: HOST, servername: name, rejectUnauthorized: false });
  const { raw } = socket.getPeerCertificate();
  socket.destroy();
  return withTemporaryFolder(async (folder) => {
    await writeFile(folder.file('leaf.pem'), new X509Certificate(raw).toString());
    const args = [
      'x509',
      '-in',
      folder.file('leaf.pem'),
      '-noout',
      '-serial',
      '-ext',
      'authorityKeyIdentifier',
    ];
    const { stdout } = await run({ program: 'openssl', args });
    const serial = /^serial=([0-9A-F]+)$/m.exec(stdout)?.[1] ?? '';
    const keyId = /^ +(?:keyid:)?((?:[0-9A-F]{2}:){19}[0-9A-F]{2})$/m.exec(stdout)?.[1] ?? '';
    const content = /^[89A-F]/.test(serial) ? `00${serial}` : serial;
    const part = (hex: string): string => Buffer.from(hex.replaceAll(':', ''), 'hex').toString('base64url');
    return `${part(keyId)}.${part(content)}`;
  });
}

describe('An authority with renewal information', () => {
  it('is asked about the certificate it has just issued, and the status shows what it wants', async () => {
    const name = newName();
    const { secure } = await serving(name, memoryStorage());
    await secure.ready();
    await until(() => secure.status().certificates[0]?.nextRenewal?.why.includes('issuer') === true);
    expect(asked()).toEqual([`/renewal-info/${await identifierOf(name)}`]);
    const { nextRenewal } = secure.status().certificates[0] ?? {};
    expect(nextRenewal?.why).toBe('asked for by the issuer (https://ca.test/why)');
    const inHours = (Date.parse(nextRenewal?.at ?? '') - Date.now()) / HOUR_MS;
    expect(inHours).toBeGreaterThan(199);
    expect(inHours).toBeLessThan(301);
    expect(ordersWith()).toEqual([undefined]);
  });

  it('whose window is over gets the renewal when it is asked next, by an order that says what it replaces', async () => {
    const name = newName();
    const storage = memoryStorage();
    const first = await serving(name, storage);
    await first.secure.ready();
    await until(() => first.secure.status().certificates[0]?.nextRenewal?.why.includes('issuer') === true);
    const identifier = await identifierOf(name);
    await first.secure.close({ graceMs: 0 });
    // Before Retry-After is over, a restart asks nothing.
    const soon = await serving(name, storage, HOUR_MS);
    await soon.secure.ready();
    await soon.secure.close({ graceMs: 0 });
    expect(asked()).toHaveLength(1);
    suggested = { start: -2, end: -1 };
    const later = await serving(name, storage, 7 * HOUR_MS);
    await until(() => ordersWith().length === 2);
    await until(() => asked().length === 3);
    expect(ordersWith()).toEqual([undefined, identifier]);
    expect(later.failed).toEqual([]);
  });

  it('that knows a successor already gets an order without predecessor, in the same attempt', async () => {
    const name = newName();
    const { secure, failed } = await serving(name, memoryStorage());
    await secure.ready();
    const identifier = await identifierOf(name);
    replaced.add(identifier);
    await secure.renew(name);
    expect(failed).toEqual([]);
    expect(ordersWith()).toEqual([undefined, identifier, undefined]);
  });

  it('that has none for the certificate does not stand in the way of anything', async () => {
    const { intercept } = front;
    front.intercept = (request) =>
      request.path.startsWith('/renewal-info/') ? { status: 404, body: 'no' } : intercept(request);
    const { secure, failed } = await serving(newName(), memoryStorage());
    await secure.ready();
    await until(() => asked().length === 1);
    expect(secure.status().certificates[0]?.nextRenewal?.why).toBe('1/3 of the lifetime left');
    expect(failed).toEqual([]);
  });
});

async function until(isTrue: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 10_000; !isTrue();) {
    if (Date.now() > deadline) throw new Error('it did not come true within ten seconds');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
