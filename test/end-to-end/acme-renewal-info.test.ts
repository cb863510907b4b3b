// Renewal information (RFC 9773) with a real authority: Pebble, and a front that adds what Debian's Pebble lacks.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { X509Certificate } from 'node:crypto';
import { memoryStorage, type Clock, type Storage } from '../../src/index.js';
import { certificateId } from '../support/certificate-id.js';
import type { Pebble } from '../support/pebble.js';
import type { PebbleFront } from '../support/pebble-front.js';
import { until } from '../support/until.js';
import { acmeServing, type AcmeServing, HOST, nameGenerator, nextFailure } from './support/acme-server.js';
import { closesAfterEach } from './support/cleanup.js';
import { frontedPebble } from './support/fronted-pebble.js';
import { tls } from './support/connections.js';

const HOUR_MS = 3_600_000;
const WHY = 'https://ca.test/why';
const keep = closesAfterEach();
const newName = nameGenerator('window');
let pebble: Pebble;
let front: PebbleFront;

frontedPebble((started) => {
  ({ pebble, front } = started);
});

beforeEach(() => {
  suggest(200, 300);
});

/** Hours from now. */
function suggest(start: number, end: number): void {
  const at = (hours: number): number => Date.now() + hours * HOUR_MS;
  front.features.renewalInfo = { start: at(start), end: at(end), explanationUrl: WHY };
}

function servingFor(name: string, storage: Storage, aheadMs = 0): Promise<AcmeServing> {
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
  return front.orders.map(({ replaces }) => replaces);
}

/** As RFC 9773 §4.1 has it, by openssl alone. */
async function identifierOf(name: string): Promise<string> {
  const socket = await tls(pebble.tlsPort, { host: HOST, servername: name, rejectUnauthorized: false });
  const { raw } = socket.getPeerCertificate();
  socket.destroy();
  return certificateId(new X509Certificate(raw).toString());
}

function isAdvised({ secure }: AcmeServing): boolean {
  return secure.status().certificates[0]?.nextRenewal?.why.includes('issuer') === true;
}

describe('An authority with renewal information', () => {
  it('is asked about the certificate it has just issued, and the status shows what it wants', async () => {
    const name = newName();
    const serving = await servingFor(name, memoryStorage());
    await serving.secure.ready();
    await until(() => isAdvised(serving));
    expect(asked()).toEqual([`/renewal-info/${await identifierOf(name)}`]);
    const { nextRenewal } = serving.secure.status().certificates[0] ?? {};
    expect(nextRenewal?.why).toBe(`asked for by the issuer (${WHY})`);
    const inHours = (Date.parse(nextRenewal?.at ?? '') - Date.now()) / HOUR_MS;
    expect(inHours).toBeGreaterThan(199);
    expect(inHours).toBeLessThan(301);
    expect(ordersWith()).toEqual([undefined]);
  });

  it('is asked by a plain GET, without the account', async () => {
    const { secure } = await servingFor(newName(), memoryStorage());
    await secure.ready();
    await until(() => asked().length === 1);
    const [request] = front.requests.filter(({ path }) => path.startsWith('/renewal-info/'));
    expect(request).toMatchObject({ method: 'GET', nonce: undefined, payload: undefined });
  });

  it('whose window is over gets the renewal when it is asked next, by an order that says what it replaces', async () => {
    const name = newName();
    const storage = memoryStorage();
    const first = await servingFor(name, storage);
    await first.secure.ready();
    await until(() => isAdvised(first));
    const identifier = await identifierOf(name);
    await first.secure.close({ graceMs: 0 });
    // Before Retry-After is over, a restart asks nothing.
    const soon = await servingFor(name, storage, HOUR_MS);
    await soon.secure.ready();
    await soon.secure.close({ graceMs: 0 });
    expect(asked()).toHaveLength(1);
    suggest(-2, -1);
    const later = await servingFor(name, storage, 7 * HOUR_MS);
    await until(() => ordersWith().length === 2);
    await until(() => asked().length === 3);
    expect(ordersWith()).toEqual([undefined, identifier]);
    // The new one is asked about, and the old one never again.
    expect(asked().at(-1)).toBe(`/renewal-info/${await identifierOf(name)}`);
    expect(later.failed).toEqual([]);
  });

  it('that refuses the renewal it has asked for is left to the ladder', async () => {
    const name = newName();
    const storage = memoryStorage();
    const first = await servingFor(name, storage);
    await first.secure.ready();
    await until(() => isAdvised(first));
    await first.secure.close({ graceMs: 0 });
    suggest(-2, -1);
    front.intercept = ({ path }) => (path === '/order-plz' ? { status: 500, body: 'oops' } : undefined);
    const later = await servingFor(name, storage, 7 * HOUR_MS);
    const { attempt, nextAttempt } = await nextFailure(later);
    expect(attempt).toBe(1);
    expect(nextAttempt).toBeDefined();
    await later.secure.close({ graceMs: 0 });
    // The window is as past as before, and a restart is no reason to try at once.
    const again = await servingFor(name, storage, 7 * HOUR_MS);
    await again.secure.ready();
    expect(again.secure.status().certificates).toMatchObject([{ state: 'valid', attempts: 1 }]);
    expect(front.requests.filter(({ path }) => path === '/order-plz')).toHaveLength(2);
  });

  it('that knows a successor already gets an order without predecessor, in the same attempt', async () => {
    const name = newName();
    const { secure, failed } = await servingFor(name, memoryStorage());
    await secure.ready();
    const identifier = await identifierOf(name);
    front.intercept = ({ path, payload }) =>
      path === '/order-plz' && payload?.['replaces'] === identifier
        ? { status: 409, body: { type: 'urn:ietf:params:acme:error:alreadyReplaced', detail: 'twice' } }
        : undefined;
    await secure.renew(name);
    expect(failed).toEqual([]);
    const replaces = front.requests
      .filter(({ path }) => path === '/order-plz')
      .map(({ payload }) => payload?.['replaces']);
    expect(replaces).toEqual([undefined, identifier, undefined]);
  });

  it('gets orders that each replace the one before, and none twice', async () => {
    const name = newName();
    const { secure, failed } = await servingFor(name, memoryStorage());
    await secure.ready();
    const identifiers: unknown[] = [undefined];
    for (let renewal = 0; renewal < 3; renewal += 1) {
      identifiers.push(await identifierOf(name));
      await secure.renew(name);
    }
    expect(ordersWith()).toEqual(identifiers);
    expect(front.orders.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
    expect(failed).toEqual([]);
  });

  it('that has none for the certificate does not stand in the way of anything', async () => {
    front.intercept = ({ path }) =>
      path.startsWith('/renewal-info/') ? { status: 404, body: 'no' } : undefined;
    const { secure, failed } = await servingFor(newName(), memoryStorage());
    await secure.ready();
    await until(() => asked().length === 1);
    expect(secure.status().certificates[0]?.nextRenewal?.why).toBe('1/3 of the lifetime left');
    expect(failed).toEqual([]);
  });
});

describe('An authority without renewal information', () => {
  it('is not asked, and not told what an order replaces', async () => {
    delete front.features.renewalInfo;
    const name = newName();
    const { secure } = await servingFor(name, memoryStorage());
    await secure.ready();
    await secure.renew(name);
    expect(asked()).toEqual([]);
    expect(ordersWith()).toEqual([undefined, undefined]);
    expect(secure.status().certificates[0]?.nextRenewal?.why).toBe('1/3 of the lifetime left');
  });
});
