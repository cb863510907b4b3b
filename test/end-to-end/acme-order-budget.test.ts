// Let's Encrypt's limit on new orders, kept without asking: Pebble in its place, reached under its name.
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Agent } from 'node:https';
import { connect } from 'node:tls';
import { memoryStorage } from '../../src/index.js';
import { authorityId } from '../../src/acme/certificate-authority.js';
import { type Pebble, startPebble } from '../support/pebble.js';
import { type PebbleFront, startPebbleFront } from '../support/pebble-front.js';
import { acmeServing, HOST } from './support/acme-server.js';
import { closesAfterEach } from './support/cleanup.js';

const DIRECTORY = 'https://acme-v02.api.letsencrypt.org/directory';
const HOUR_MS = 3_600_000;
const keep = closesAfterEach();
let pebble: Pebble;
let front: PebbleFront;

beforeAll(async () => {
  pebble = await startPebble();
  front = await startPebbleFront(pebble);
  front.intercept = ({ path }) =>
    path === '/directory'
      ? { status: 200, headers: { 'content-type': 'application/json' }, body: directory() }
      : undefined;
});

afterAll(async () => {
  await front.stop();
  await pebble.stop();
});

it('An order beyond the limit of the authority waits, without an attempt and without a question', async () => {
  const storage = memoryStorage();
  const spent = JSON.stringify({ format: 1, fullAt: Date.now() + 3 * HOUR_MS });
  await storage.put(`acme/${authorityId(DIRECTORY)}/order-budget`, Buffer.from(spent));
  // Not one of `.test`: from a public authority those are not ordered at all.
  const name = 'budget.example.com';
  const { secure, failed } = await acmeServing({
    ...{ pebble, keep, server: { storage } },
    options: { domains: name, directoryUrl: DIRECTORY, agent: toTheFront() },
  });
  const state = (): ReturnType<typeof secure.status>['certificates'][number] | undefined =>
    secure.status().certificates[0];
  await expect(secure.renew(name)).rejects.toMatchObject({ code: 'ACME_RATE_LIMITED' });
  expect(state()).toMatchObject({ attempts: 0, lastError: { code: 'ACME_RATE_LIMITED' } });
  expect(state()?.lastError?.message).toContain('takes 300 new orders in 3 hours');
  const waitMs = Date.parse(state()?.nextAttempt ?? '') - Date.now();
  // The bucket gives one order each forty seconds.
  expect(waitMs).toBeGreaterThan(20_000);
  expect(waitMs).toBeLessThan(90_000);
  expect(failed).toEqual([]);
  expect(front.requests.filter(({ path }) => path === '/order-plz')).toEqual([]);
});

it('An order that moves a name from another authority counts as new, and the certificate of that one serves on', async () => {
  const storage = memoryStorage();
  const name = 'moved.example.com';
  const before = await acmeServing({
    ...{ pebble, keep, server: { storage } },
    options: { domains: name, directoryUrl: pebble.directoryUrl },
  });
  await before.secure.ready();
  const { serialNumber } = before.secure.status().certificates[0] ?? {};
  await before.secure.close({ graceMs: 0 });
  const spent = JSON.stringify({ format: 1, fullAt: Date.now() + 3 * HOUR_MS });
  await storage.put(`acme/${authorityId(DIRECTORY)}/order-budget`, Buffer.from(spent));
  front.requests.length = 0;
  const { secure } = await acmeServing({
    ...{ pebble, keep, server: { storage } },
    options: { domains: name, directoryUrl: DIRECTORY, agent: toTheFront() },
  });
  await expect(secure.renew(name)).rejects.toMatchObject({ code: 'ACME_RATE_LIMITED' });
  expect(secure.status().certificates[0]).toMatchObject({ state: 'valid', serialNumber });
  expect(front.requests.filter(({ path }) => path === '/order-plz')).toEqual([]);
});

/** Leads every connection to the front. */
function toTheFront(): Agent {
  const port = Number(new URL(front.directoryUrl).port);
  const agent = new Agent();
  agent.createConnection = () => connect({ port, host: HOST, servername: 'localhost', ca: pebble.serverCa });
  return agent;
}

/** Pebble has its own paths. */
function directory(): string {
  const at = (path: string): string => new URL(path, DIRECTORY).href;
  return JSON.stringify({
    newNonce: at('/nonce-plz'),
    newAccount: at('/sign-me-up'),
    newOrder: at('/order-plz'),
    revokeCert: at('/revoke-cert'),
  });
}
