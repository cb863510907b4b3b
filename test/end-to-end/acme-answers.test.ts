// acme() and answers that are no answers: nonsense in every place, the wrong certificate, orders that never end, refusals
// of every kind. Each has a code and the authority's words, the status says when it is tried next, the certificate in use
// goes on serving, and nobody asks again and again.
import { describe, expect, it } from '@jest/globals';
import { type AcmeOptions, type Clock, memoryStorage } from '../../src/index.js';
import { testCa } from '../support/certificates.js';
import type { Pebble } from '../support/pebble.js';
import type { PebbleFront, ScriptedAnswer } from '../support/pebble-front.js';
import {
  acmePage,
  acmeServing,
  type AcmeServing,
  nameGenerator,
  nextFailure,
} from './support/acme-server.js';
import { closesAfterEach } from './support/cleanup.js';
import { shiftedClock } from './support/clocks.js';
import { frontedPebble } from './support/fronted-pebble.js';

/** An attempt with a fallback to another challenge takes fewer than 30 requests. */
const MOST_REQUESTS = 60;
const keep = closesAfterEach();
const newName = nameGenerator('answer');
let pebble: Pebble;
let front: PebbleFront;

frontedPebble((started) => {
  ({ pebble, front } = started);
});

interface Serving extends AcmeServing {
  readonly name: string;
  readonly clock: Clock & { aheadMs: number };
}

async function serving(options: Partial<AcmeOptions> = {}, name = newName()): Promise<Serving> {
  const { directoryUrl } = front;
  const clock = shiftedClock();
  const made = await acmeServing({
    ...{ pebble, keep, options: { domains: name, directoryUrl, ...options } },
    server: { storage: memoryStorage(), clock },
  });
  return { ...made, name, clock };
}

/** Waits for the failure, and looks at all that has to be true of any. */
async function failure({
  secure,
  clock,
}: Serving): Promise<{ code: string; message: string; hint?: string }> {
  const { error, attempt, nextAttempt } = await nextFailure({ secure });
  expect(attempt).toBe(1);
  const [certificate] = secure.status().certificates;
  expect(certificate).toMatchObject({ attempts: 1, lastError: { code: error.code, message: error.message } });
  expect(certificate?.nextAttempt).toBe(nextAttempt);
  expect(Date.parse(nextAttempt ?? '')).toBeGreaterThan(clock.now());
  expect(front.requests.length).toBeLessThan(MOST_REQUESTS);
  return error;
}

function problem(type: string, detail: string): object {
  return { type: `urn:ietf:params:acme:error:${type}`, detail };
}

function json(body: unknown): ScriptedAnswer {
  return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

describe('Nonsense', () => {
  const nonsense: readonly (readonly [string, ScriptedAnswer])[] = [
    ['a page for people', { status: 200, body: '<html>welcome</html>' }],
    ['nothing', { status: 200, body: '' }],
    ['null', json(null)],
    ['a list', json([1])],
    ['half of something', { ...json({}), body: '{"status":"val' }],
    ['other things', json({ status: 7, identifier: 'x', challenges: {}, authorizations: 'x', finalize: 1 })],
  ];
  const places = ['/sign-me-up', '/order-plz', '/authZ/', '/finalize-order/'];

  it.each(places.flatMap((place) => nonsense.map(([what, answer]) => [place, what, answer] as const)))(
    'in place of %s, such as %s, has a code',
    async (place, _, answer) => {
      front.intercept = ({ path, method }) =>
        method === 'POST' && path.startsWith(place) ? answer : undefined;
      const made = await serving({ email: 'ops@example.com' });
      expect(await failure(made)).toMatchObject({ code: 'ACME_RESPONSE_INVALID' });
    },
  );

  it('in place of a nonce has a code', async () => {
    front.intercept = ({ path }) => (path === '/nonce-plz' ? { status: 200, body: '' } : undefined);
    expect(await failure(await serving())).toMatchObject({ code: 'ACME_RESPONSE_INVALID' });
  });
});

describe('A certificate', () => {
  it.each<[string, (name: string) => Promise<string>]>([
    ['for another name', async () => (await pairFor('other.test')).cert],
    ['for another key', async (name) => (await pairFor(name)).cert],
    ['that is none', () => Promise.resolve('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')],
    ['that is empty', () => Promise.resolve('')],
  ])('%s is never served: the one in use goes on', async (_, wrong) => {
    const { secure, name, failed } = await serving();
    await secure.ready();
    const { serialNumber } = await acmePage(pebble, name);
    const body = await wrong(name);
    front.intercept = ({ path }) =>
      path.startsWith('/certZ/')
        ? { status: 200, headers: { 'content-type': 'application/pem-certificate-chain' }, body }
        : undefined;
    await expect(secure.renew(name)).rejects.toMatchObject({ code: 'ISSUED_CREDENTIAL_INVALID' });
    expect(failed).toMatchObject([{ attempt: 1, names: [name] }]);
    expect(await acmePage(pebble, name)).toMatchObject({ status: 200, serialNumber });
    expect(secure.status().certificates).toMatchObject([
      { state: 'valid', attempts: 1, lastError: { code: 'ISSUED_CREDENTIAL_INVALID' } },
    ]);
    front.intercept = () => undefined;
    await secure.renew(name);
    expect((await acmePage(pebble, name)).serialNumber).not.toBe(serialNumber);
  });
});

describe('An authority', () => {
  it('that never finishes an order is given up after five minutes, and ordered from anew', async () => {
    const made = await serving({ challenges: ['tls-alpn-01'] });
    const { secure, clock } = made;
    let finalized = false;
    front.intercept = ({ path }) => {
      finalized ||= path.startsWith('/finalize-order/');
      if (!finalized || !/^\/(?:finalize|my)-order\//.test(path)) return undefined;
      clock.aheadMs += 100_000;
      return json({ status: 'processing', authorizations: [], finalize: front.directoryUrl });
    };
    const { code, message } = await failure(made);
    expect(code).toBe('ACME_REFUSED');
    expect(message).toContain('in the state processing');
    front.intercept = () => undefined;
    await secure.renew(made.name);
    expect(front.requests.filter(({ path }) => path === '/order-plz')).toHaveLength(2);
  });

  it('that never decides a validation is given up after three minutes, by every type', async () => {
    const made = await serving({ challenges: ['tls-alpn-01'] });
    let looks = 0;
    front.intercept = ({ path }) => {
      if (!path.startsWith('/authZ/')) return undefined;
      looks += 1;
      if (looks > 1) made.clock.aheadMs += 100_000;
      const challenge = { type: 'tls-alpn-01', url: `${front.directoryUrl}/none`, token: 'token' };
      return json({
        ...{ identifier: { type: 'dns', value: made.name }, status: 'pending' },
        challenges: [{ ...challenge, status: 'processing' }],
      });
    };
    const { code, message } = await failure(made);
    expect(code).toBe('ACME_CHALLENGE_FAILED');
    expect(message).toContain('not decided within 3 minutes');
  });

  it('that does not answer is given up after 30 seconds', async () => {
    front.intercept = () => 'hang';
    const name = newName();
    const clock: Clock = {
      now: () => Date.now(),
      // The limit of a request is reached at once.
      setTimeout: (callback, delayMs) => setTimeout(callback, delayMs === 30_000 ? 20 : delayMs).unref(),
      clearTimeout: (handle) => {
        clearTimeout(handle as NodeJS.Timeout);
      },
    };
    const { secure } = await acmeServing({
      ...{ pebble, keep, options: { domains: name, directoryUrl: front.directoryUrl } },
      server: { storage: memoryStorage(), clock },
    });
    const { error, nextAttempt } = await nextFailure({ secure });
    expect(error.code).toBe('ACME_UNREACHABLE');
    expect(error.message).toContain('no answer within 30 s');
    expect(nextAttempt).toBeDefined();
  });

  it.each([
    ['/sign-me-up', 503],
    ['/order-plz', 503],
    ['/order-plz', 429],
    ['/finalize-order/', 503],
  ])('whose %s answers %d is not asked before it wants to be', async (place, status) => {
    front.intercept = ({ path }) =>
      path.startsWith(place) ? { status, headers: { 'retry-after': '7200' }, body: 'busy' } : undefined;
    const made = await serving();
    const { code } = await failure(made);
    expect(code).toBe(status === 429 ? 'ACME_RATE_LIMITED' : 'ACME_SERVER_ERROR');
    const { nextAttempt = '' } = made.secure.status().certificates[0] ?? {};
    expect(Date.parse(nextAttempt) - Date.now()).toBeGreaterThan(7_100_000);
  });

  it.each([
    ['a CAA record', 'caa', 'ACME_CAA'],
    ['a private name', 'rejectedIdentifier', 'ACME_IDENTIFIER_REJECTED'],
    ['a kind of name', 'unsupportedIdentifier', 'ACME_IDENTIFIER_REJECTED'],
    ['a name server', 'dns', 'ACME_DNS'],
    ['a key', 'badCSR', 'ACME_REFUSED'],
    ['an account that was deactivated', 'unauthorized', 'ACME_REFUSED'],
    ['something of its own', 'novelty', 'ACME_REFUSED'],
  ])('that refuses the order because of %s is quoted', async (_, type, expected) => {
    const detail = `refused because of ${type}, it says`;
    front.intercept = ({ path }) =>
      path === '/order-plz' ? { status: 403, body: problem(type, detail) } : undefined;
    const made = await serving();
    const { code, message, hint } = await failure(made);
    expect(code).toBe(expected);
    expect(message).toContain(detail);
    expect(message).toContain(made.name);
    expect(hint).toBeTruthy();
  });

  it('that finds a CAA record while it validates is quoted, and no other type is tried', async () => {
    const made = await serving({ challenges: ['tls-alpn-01', 'http-01'] });
    front.intercept = ({ path }) => {
      if (!path.startsWith('/authZ/')) return undefined;
      const error = problem('caa', 'CAA record for the name prevents issuance');
      const challenge = {
        type: 'tls-alpn-01',
        url: `${front.directoryUrl}/x`,
        token: 'token',
        status: 'invalid',
        error,
      };
      return json({
        identifier: { type: 'dns', value: made.name },
        status: 'invalid',
        challenges: [challenge],
      });
    };
    const { code, message } = await failure(made);
    expect(code).toBe('ACME_CAA');
    expect(message).toContain('CAA record for the name prevents issuance');
    expect(front.requests.filter(({ path }) => path === '/order-plz')).toHaveLength(1);
  });
});

async function pairFor(name: string): Promise<{ readonly cert: string }> {
  return (await testCa()).issue({ names: [name] });
}
