// A certificate is in use and its renewal fails, in every way that an authority can fail: each has a code and the
// authority's own words, the next try is known, the certificate goes on serving, and nothing is asked in a loop.
import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer as createTlsServer } from 'node:tls';
import type { AcmeOptions, SecureServerOptions, TlsmithErrorCode } from '../../src/index.js';
import { testCa } from '../support/certificates.js';
import type { Pebble } from '../support/pebble.js';
import type { Interception, PebbleFront, ScriptedAnswer } from '../support/pebble-front.js';
import { acmePage, nameGenerator } from './support/acme-server.js';
import {
  type CertificateInUse,
  certificateInUse,
  failedRenewal,
  json,
  problem,
} from './support/certificate-in-use.js';
import { closesAfterEach } from './support/cleanup.js';
import { hurriedClock, shiftedClock } from './support/clocks.js';
import { frontedPebble } from './support/fronted-pebble.js';

const MINUTE_MS = 60_000;
const YEAR_MS = 365 * 86_400_000;
const keep = closesAfterEach();
const newName = nameGenerator('renewal');
let pebble: Pebble;
let front: PebbleFront;

frontedPebble((started) => {
  ({ pebble, front } = started);
});

afterEach(() => leadTo('127.0.0.1'));

/** Has a certificate, which is in use. */
function inUse(
  server: SecureServerOptions = {},
  options: Partial<AcmeOptions> = {},
): Promise<CertificateInUse> {
  return certificateInUse({ pebble, front, keep, name: newName(), server, options });
}

/** Answers this to requests whose path begins so. */
function at(path: string, answer: ScriptedAnswer | 'hang' | 'reset'): Interception {
  return (request) => (request.path.startsWith(path) && request.method === 'POST' ? answer : undefined);
}

/** An authorization that has failed, with these words of a validator's. */
function failedAuthorization(type: string, detail: string): Interception {
  return ({ path }) => {
    if (!path.startsWith('/authZ/')) return undefined;
    const error = { type: `urn:ietf:params:acme:error:${type}`, detail };
    const challenge = {
      type: 'tls-alpn-01',
      url: 'https://127.0.0.1/x',
      token: 'token',
      status: 'invalid',
      error,
    };
    return json({ identifier: { type: 'dns', value: 'x.test' }, status: 'invalid', challenges: [challenge] });
  };
}

/** In the status: the failure is known, and so is when it is tried again. */
const FAILED_ONCE = {
  attempts: 1,
  state: 'valid',
  nextAttempt: expect.any(String),
  lastError: expect.any(Object),
};

/** Where the authority's resolver leads all names. */
async function leadTo(ip: string): Promise<void> {
  const url = `http://127.0.0.1:${pebble.ports.dnsManagement}/set-default-ipv4`;
  const { ok } = await fetch(url, { method: 'POST', body: JSON.stringify({ ip }) });
  expect(ok).toBe(true);
}

/** Somebody else's TLS server, where validators come. */
async function anotherServer(host: string): Promise<void> {
  const { cert, key } = await (await testCa()).issue({ names: ['proxy.test'] });
  const server = keep(createTlsServer({ cert, key, ALPNProtocols: ['acme-tls/1', 'http/1.1'] }));
  server.on('tlsClientError', () => undefined);
  server.on('secureConnection', (socket) => socket.on('error', () => undefined).end());
  server.listen(pebble.tlsPort, host);
  await once(server, 'listening');
}

type Fault = readonly [what: string, intercept: Interception, code: TlsmithErrorCode, words: string];

const FAULTS: readonly Fault[] = [
  ['breaks every connection', () => 'reset', 'ACME_UNREACHABLE', 'https://127.0.0.1'],
  [
    'has a fault of its own',
    at('/order-plz', problem('serverInternal', 'the database is down', 500)),
    'ACME_SERVER_ERROR',
    'the database is down',
  ],
  [
    'shows a page for people while it is under maintenance',
    at('/order-plz', { status: 503, body: '<html>back soon</html>' }),
    'ACME_SERVER_ERROR',
    '503',
  ],
  [
    'answers with half of an order',
    at('/order-plz', json('{"status":"pend', 201)),
    'ACME_RESPONSE_INVALID',
    '',
  ],
  [
    'answers with an order that is none',
    at('/order-plz', { ...json({ status: 7 }, 201), headers: { location: 'https://127.0.0.1/order/1' } }),
    'ACME_RESPONSE_INVALID',
    '',
  ],
  ['answers with half of an authorization', at('/authZ/', json('[')), 'ACME_RESPONSE_INVALID', ''],
  [
    'is not allowed to issue by a CAA record, as it says at once',
    at('/order-plz', problem('caa', 'CAA record for x.test prevents issuance')),
    'ACME_CAA',
    'CAA record for x.test prevents issuance',
  ],
  [
    'is not allowed to issue by a CAA record, as it says of the authorization',
    failedAuthorization('caa', 'While processing CAA for x.test: the record names another account'),
    'ACME_CAA',
    'the record names another account',
  ],
  [
    'is not allowed to issue by a CAA record, as it says at the end',
    at('/finalize-order/', problem('caa', 'rechecking CAA: SERVFAIL looking up CAA for x.test')),
    'ACME_CAA',
    'SERVFAIL looking up CAA',
  ],
  [
    'cannot look the name up',
    failedAuthorization('dns', 'NXDOMAIN looking up A for x.test'),
    'ACME_DNS',
    'NXDOMAIN looking up A',
  ],
  [
    'has deactivated the account',
    at('/order-plz', problem('unauthorized', 'Account is deactivated, has status "deactivated"')),
    'ACME_REFUSED',
    'Account is deactivated',
  ],
  [
    'does not know the account',
    at('/order-plz', problem('accountDoesNotExist', 'no such account', 400)),
    'ACME_ACCOUNT_MISSING',
    'no such account',
  ],
  [
    'has other terms of service',
    at('/order-plz', problem('userActionRequired', 'the terms of service have changed')),
    'ACME_ACCOUNT_REFUSED',
    'the terms of service have changed',
  ],
  [
    'does not issue for the name any more',
    at('/order-plz', problem('rejectedIdentifier', 'x.test is on the list', 400)),
    'ACME_IDENTIFIER_REJECTED',
    'x.test is on the list',
  ],
  [
    'does not like the request',
    at('/finalize-order/', problem('badCSR', 'key is on the list of weak ones', 400)),
    'ACME_REFUSED',
    'key is on the list of weak ones',
  ],
  [
    'does not know the profile',
    at('/order-plz', problem('invalidProfile', 'profile "x" is retired', 400)),
    'ACME_PROFILE_UNAVAILABLE',
    'profile "x" is retired',
  ],
  [
    'hands out a page in place of the certificate',
    at('/certZ/', { status: 200, body: '<html>a portal</html>' }),
    'ISSUED_CREDENTIAL_INVALID',
    '',
  ],
];

describe('While a certificate is in use, an authority', () => {
  it.each(FAULTS)('that %s', async (_, intercept, code, words) => {
    const made = await inUse();
    const { secure, name, failed } = made;
    front.intercept = intercept;
    const { error, serialNumber } = await failedRenewal(made);
    expect(error).toMatchObject({ code });
    const asked = front.requests.length;
    expect(failed).toMatchObject([{ attempt: 1, error: { code, message: expect.stringContaining(words) } }]);
    // What serves, and what is known of the next try.
    for (let count = 0; count < 3; count += 1)
      expect(await acmePage(pebble, name)).toMatchObject({ status: 200, serialNumber });
    const [state] = secure.status().certificates;
    expect(state).toMatchObject({ serialNumber, state: 'valid', attempts: 1, lastError: { code } });
    const waitMs = Date.parse(state?.nextAttempt ?? '') - Date.now();
    expect(waitMs).toBeGreaterThan(40_000);
    expect(waitMs).toBeLessThanOrEqual(27 * 60 * MINUTE_MS);
    // Neither handshakes nor status are a reason to ask again.
    expect(front.requests.length).toBe(asked);
    front.intercept = () => undefined;
    await secure.renew(name);
    expect((await acmePage(pebble, name)).serialNumber).not.toBe(serialNumber);
    expect(secure.status().certificates).toMatchObject([{ attempts: 0, state: 'valid' }]);
  });

  it('that hands out somebody else’s certificate', async () => {
    const { secure, name, serialNumber, failed } = await inUse();
    const { cert } = await (await testCa()).issue({ names: [name] });
    front.intercept = ({ path }) =>
      path.startsWith('/certZ/')
        ? { status: 200, headers: { 'content-type': 'application/pem-certificate-chain' }, body: cert }
        : undefined;
    await expect(secure.renew(name)).rejects.toMatchObject({ code: 'ISSUED_CREDENTIAL_INVALID' });
    expect(failed).toMatchObject([
      { attempt: 1, error: { message: expect.stringContaining('does not belong') } },
    ]);
    expect(await acmePage(pebble, name)).toMatchObject({ status: 200, serialNumber });
    expect(secure.status().certificates).toMatchObject([FAILED_ONCE]);
    front.intercept = () => undefined;
    await secure.renew(name);
    expect((await acmePage(pebble, name)).serialNumber).not.toBe(serialNumber);
  });

  it.each([
    ['an order that is processed for ever', '/my-order/', 'processing', 6 * MINUTE_MS],
    ['an authorization that is never decided', '/authZ/', 'pending', 4 * MINUTE_MS],
  ])('that has %s is given up on', async (_, path, status, limitMs) => {
    const clock = shiftedClock();
    const made = await inUse({ clock });
    const { secure, name, failed } = made;
    let stuck = 0;
    front.intercept = (request) => {
      if (!request.path.startsWith(path) || request.payload !== undefined) return undefined;
      stuck += 1;
      // The first look at an authorization has the challenges that are to be answered.
      if (path === '/authZ/' && stuck === 1) return undefined;
      if (stuck === 5) clock.aheadMs = limitMs;
      const url = `${front.directoryUrl}/x`;
      const identifiers = [{ type: 'dns', value: name }];
      return path === '/authZ/'
        ? json({
            identifier: identifiers[0]!,
            status,
            challenges: [{ type: 'tls-alpn-01', url, token: 't', status: 'processing' }],
          })
        : json({ identifiers, status, finalize: url, authorizations: [url] });
    };
    const { error, serialNumber } = await failedRenewal(made);
    expect(error).toMatchObject({ code: expect.stringMatching(/^ACME_/) });
    expect(failed).toHaveLength(1);
    expect(stuck).toBeLessThan(10);
    expect(secure.status().certificates).toMatchObject([FAILED_ONCE]);
    expect(await acmePage(pebble, name)).toMatchObject({ status: 200, serialNumber });
    front.intercept = () => undefined;
    await secure.renew(name);
    expect((await acmePage(pebble, name)).serialNumber).not.toBe(serialNumber);
  });

  it.each([
    ['reach nobody', 'ACME_CONNECTION', 'Failed to connect', undefined],
    ['meet somebody else', 'ACME_ALPN_INTERCEPTED', 'by tls-alpn-01', 'another'],
  ])('whose validators %s', async (_, code, words, other) => {
    const made = await inUse();
    const { secure, name, failed } = made;
    if (other !== undefined) await anotherServer('127.0.0.3');
    await leadTo('127.0.0.3');
    const { error, serialNumber } = await failedRenewal(made);
    expect(error).toMatchObject({ code });
    expect(failed).toMatchObject([{ attempt: 1, error: { code, message: expect.stringContaining(words) } }]);
    expect(await acmePage(pebble, name)).toMatchObject({ status: 200, serialNumber });
    expect(secure.status().certificates).toMatchObject([
      { ...FAILED_ONCE, serialNumber, lastError: { code } },
    ]);
    await leadTo('127.0.0.1');
    await secure.renew(name);
    expect((await acmePage(pebble, name)).serialNumber).not.toBe(serialNumber);
  });

  it('that never answers is given up on after thirty seconds', async () => {
    const clock = hurriedClock(30_000);
    const { secure, name, serialNumber, failed } = await inUse({ clock });
    clock.isHurried = true;
    front.intercept = at('/order-plz', 'hang');
    await expect(secure.renew(name)).rejects.toMatchObject({ code: 'ACME_UNREACHABLE' });
    expect(failed).toMatchObject([{ error: { message: expect.stringContaining('no answer within 30 s') } }]);
    expect(await acmePage(pebble, name)).toMatchObject({ status: 200, serialNumber });
    expect(secure.status().certificates).toMatchObject([{ attempts: 1, nextAttempt: expect.any(String) }]);
  });

  it('that is asked by a machine whose clock is a year ahead is asked once, however often it is tried', async () => {
    const clock = shiftedClock();
    const { secure, name, serialNumber, failed } = await inUse({ clock }, { waitMs: 100 });
    clock.aheadMs = YEAR_MS;
    // To this machine it has expired: a handshake has it renewed, and gets what there is.
    expect(await acmePage(pebble, name)).toMatchObject({ serialNumber });
    await expect(secure.renew(name)).rejects.toMatchObject({ code: 'ISSUED_CREDENTIAL_INVALID' });
    expect(failed.at(-1)?.error.message).toMatch(/expired on/);
    expect(failed.at(-1)?.error.message).toMatch(/the clock of this machine says/);
    const { nextAttempt = '', attempts } = secure.status().certificates[0] ?? {};
    expect(attempts).toBe(failed.length);
    expect(Date.parse(nextAttempt)).toBeGreaterThan(clock.now());
    for (let count = 0; count < 5; count += 1)
      expect(await acmePage(pebble, name)).toMatchObject({ status: 200, serialNumber });
    await expect(secure.renew(name)).rejects.toMatchObject({ code: 'ISSUED_CREDENTIAL_INVALID' });
    const orders = (): number => front.requests.filter(({ path }) => path === '/order-plz').length;
    expect(orders()).toBe(1);
    // Once the clock is right, what was issued is good.
    clock.aheadMs = 0;
    await secure.renew(name);
    expect((await acmePage(pebble, name)).serialNumber).not.toBe(serialNumber);
    expect(orders()).toBe(1);
    await secure.renew(name);
    expect(orders()).toBe(2);
  });

  it('that is asked by a machine whose clock is a year slow is not asked at all', async () => {
    const clock = shiftedClock();
    const { name, serialNumber, failed } = await inUse({ clock });
    clock.aheadMs = -YEAR_MS;
    for (let count = 0; count < 5; count += 1)
      expect(await acmePage(pebble, name)).toMatchObject({ status: 200, serialNumber });
    expect(front.requests).toEqual([]);
    expect(failed).toEqual([]);
  });
});
