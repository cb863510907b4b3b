// A certificate is in use, and its renewal is slow, put off or refused for longer than an attempt: the certificate goes on
// serving, the status says what the authority has said and when it is tried again, and nobody asks in between.
import { describe, expect, it } from '@jest/globals';
import { type AcmeOptions, memoryStorage, type SecureServerOptions } from '../../src/index.js';
import type { Pebble } from '../support/pebble.js';
import type { PebbleFront } from '../support/pebble-front.js';
import { acmePage, nameGenerator } from './support/acme-server.js';
import { type CertificateInUse, certificateInUse, problem } from './support/certificate-in-use.js';
import { closesAfterEach } from './support/cleanup.js';
import { hurriedClock, shiftedClock } from './support/clocks.js';
import { frontedPebble } from './support/fronted-pebble.js';

const DAY_MS = 86_400_000;
/** One attempt, whatever comes in between: 26 for rejected nonces, and what leads to them. */
const MOST_REQUESTS = 40;
const keep = closesAfterEach();
const newName = nameGenerator('refused');
let pebble: Pebble;
let front: PebbleFront;

frontedPebble((started) => {
  ({ pebble, front } = started);
});

function inUse(
  server: SecureServerOptions = {},
  options: Partial<AcmeOptions> = {},
  name = newName(),
): Promise<CertificateInUse> {
  return certificateInUse({ pebble, front, keep, name, server, options });
}

/** The certificate before serves, the status has the failure, and neither is a reason to ask again. */
async function expectToServeOn(
  { secure, name, serialNumber, failed, errors }: CertificateInUse,
  { code, words }: { readonly code: string; readonly words: string },
): Promise<void> {
  const asked = front.requests.length;
  expect(failed).toMatchObject([{ attempt: 1, error: { code, message: expect.stringContaining(words) } }]);
  const { notAfter } = secure.status().certificates[0]!;
  expect(failed).toMatchObject([{ validUntil: notAfter }]);
  expect(errors.join()).toContain(`The certificate in use goes on serving, until ${String(notAfter)}`);
  for (let count = 0; count < 3; count += 1)
    expect(await acmePage(pebble, name)).toMatchObject({ status: 200, serialNumber });
  expect(secure.status().certificates).toMatchObject([
    {
      serialNumber,
      state: 'valid',
      attempts: 1,
      lastError: { code, message: expect.stringContaining(words) },
    },
  ]);
  expect(asked).toBeLessThan(MOST_REQUESTS);
  expect(front.requests.length).toBe(asked);
}

function nextAttemptIn({ secure }: CertificateInUse): number {
  return Date.parse(secure.status().certificates[0]?.nextAttempt ?? '') - Date.now();
}

describe('While a certificate is in use, an authority', () => {
  it('whose answers all come late, and some bytes at a time, is waited for, and asked no more often', async () => {
    const { secure, name, serialNumber, failed } = await inUse();
    front.pace = { delayMs: 400, pauseMs: 10 };
    const renewal = secure.renew(name).then(() => 'renewed' as const);
    const page = async (): Promise<number> => (await acmePage(pebble, name)).status;
    for (let last: unknown; last !== 'renewed'; last = await Promise.race([renewal, page()]))
      expect(await page()).toBe(200);
    expect((await acmePage(pebble, name)).serialNumber).not.toBe(serialNumber);
    expect(failed).toEqual([]);
    expect(front.requests.filter(({ path }) => path === '/order-plz')).toHaveLength(1);
    expect(front.requests.length).toBeLessThan(MOST_REQUESTS);
  });

  it('whose answer never comes to its end is given up after thirty seconds', async () => {
    const clock = hurriedClock(30_000);
    const made = await inUse({ clock });
    clock.isHurried = true;
    front.pace = { delayMs: 0, pauseMs: 1_000 };
    await expect(made.secure.renew(made.name)).rejects.toMatchObject({ code: 'ACME_UNREACHABLE' });
    await expectToServeOn(made, { code: 'ACME_UNREACHABLE', words: 'no answer within 30 s' });
    expect(nextAttemptIn(made)).toBeGreaterThan(0);
  });

  it('that limits the rate for a day is left alone for a day', async () => {
    const clock = shiftedClock();
    const made = await inUse({ clock });
    const limit = problem('rateLimited', 'too many certificates already issued', 429);
    front.intercept = ({ path }) =>
      path === '/order-plz' ? { ...limit, headers: { 'retry-after': '86400' } } : undefined;
    const refused = { code: 'ACME_RATE_LIMITED', words: 'too many certificates already issued' };
    await expect(made.secure.renew(made.name)).rejects.toMatchObject({ code: refused.code });
    await expectToServeOn(made, refused);
    expect(nextAttemptIn(made)).toBeGreaterThan(DAY_MS - 300_000);
    // Neither is anybody's wish a reason to ask.
    const asked = front.requests.length;
    await expect(made.secure.renew(made.name)).rejects.toMatchObject({ code: refused.code });
    expect(front.requests.length).toBe(asked);
    front.intercept = () => undefined;
    clock.aheadMs = DAY_MS + 300_000;
    await made.secure.renew(made.name);
    expect((await acmePage(pebble, made.name)).serialNumber).not.toBe(made.serialNumber);
  });

  it('that has paused the name is not asked again until a person says so', async () => {
    const made = await inUse();
    const link = 'https://portal.example/sfe/v1/unpause?jwt=abc';
    const paused = problem('rateLimited', `temporarily prevented, visit ${link}`, 429);
    front.intercept = ({ path }) => (path === '/order-plz' ? paused : undefined);
    await expect(made.secure.renew(made.name)).rejects.toMatchObject({ code: 'ACME_PAUSED' });
    await expectToServeOn(made, { code: 'ACME_PAUSED', words: link });
    expect(made.secure.status().certificates[0]).not.toHaveProperty('nextAttempt');
    front.intercept = () => undefined;
    await made.secure.renew(made.name);
    expect((await acmePage(pebble, made.name)).serialNumber).not.toBe(made.serialNumber);
  });

  it('that refuses every nonce is given up for this attempt', async () => {
    const made = await inUse();
    let nonces = 0;
    front.intercept = ({ method }) => {
      nonces += 1;
      const headers = { 'replay-nonce': `never-good-${nonces}` };
      return method === 'POST' ? { ...problem('badNonce', 'not that one', 400), headers } : undefined;
    };
    await expect(made.secure.renew(made.name)).rejects.toMatchObject({ problemType: 'badNonce' });
    await expectToServeOn(made, { code: 'ACME_REFUSED', words: 'not that one' });
    expect(nextAttemptIn(made)).toBeGreaterThan(40_000);
    front.intercept = () => undefined;
    await made.secure.renew(made.name);
    expect((await acmePage(pebble, made.name)).serialNumber).not.toBe(made.serialNumber);
  });

  it('that refuses the external account binding of a new account is quoted', async () => {
    const storage = memoryStorage();
    const { secure, name } = await inUse({ storage });
    await secure.close({ graceMs: 0 });
    // The account is lost, the certificate is not.
    for await (const key of storage.list('acme/')) if (key.endsWith('/account')) await storage.delete(key);
    const externalAccountBinding = { kid: 'kid-1', hmacKey: 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajV' };
    const made = await inUse({ storage }, { externalAccountBinding }, name);
    const refusal = problem('unauthorized', 'the MAC of the binding does not verify');
    front.intercept = ({ path }) => (path === '/sign-me-up' ? refusal : undefined);
    await expect(made.secure.renew(name)).rejects.toMatchObject({ code: 'ACME_ACCOUNT_REFUSED' });
    await expectToServeOn(made, { code: 'ACME_ACCOUNT_REFUSED', words: 'the MAC of the binding' });
    expect(nextAttemptIn(made)).toBeGreaterThan(40_000);
  });
});
