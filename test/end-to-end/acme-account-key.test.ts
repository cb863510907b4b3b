// Another key for the account (RFC 8555 §7.3.5): which key counts is never in doubt, whatever happens in between.
import { describe, expect, it } from '@jest/globals';
import { generateKeyPairSync } from 'node:crypto';
import { acme, memoryStorage, type Storage } from '../../src/index.js';
import { keysOf } from '../issuance/support/faulty-storage.js';
import type { Pebble } from '../support/pebble.js';
import type { PebbleFront } from '../support/pebble-front.js';
import { acmeServer, acmeServing, type AcmeServing, HOST, nameGenerator } from './support/acme-server.js';
import { closesAfterEach } from './support/cleanup.js';
import { frontedPebble } from './support/fronted-pebble.js';

const keep = closesAfterEach();
const newName = nameGenerator('key');
let pebble: Pebble;
let front: PebbleFront;

frontedPebble((started) => {
  ({ pebble, front } = started);
});

async function serving(storage: Storage, name = newName()): Promise<AcmeServing> {
  const { directoryUrl } = front;
  const made = await acmeServing({
    pebble,
    keep,
    options: { domains: name, directoryUrl },
    server: { storage },
  });
  await made.secure.ready();
  return made;
}

async function stored(storage: Storage): Promise<Record<string, string>> {
  const key = (await keysOf(storage, 'acme/')).find((each) => each.endsWith('/account')) ?? '';
  return JSON.parse(new TextDecoder().decode((await storage.get(key))?.bytes)) as Record<string, string>;
}

function accounts(): number {
  return pebble.logged(/There are now \d+ accounts/).length;
}

describe('rollOverAccountKey()', () => {
  it('gives the account a new key under the same URL, and orders go on', async () => {
    const storage = memoryStorage();
    const { secure, source, failed } = await serving(storage);
    const before = await stored(storage);
    const count = accounts();
    await source.rollOverAccountKey();
    const after = await stored(storage);
    expect(after).toEqual({ ...before, key: expect.not.stringContaining(before['key'] ?? '') });
    const [name = ''] = secure.status().certificates[0]?.names ?? [];
    await secure.renew(name);
    await source.revoke(name);
    expect(failed).toEqual([]);
    expect(accounts()).toBe(count);
  });

  it('is followed by other processes on the storage', async () => {
    const storage = memoryStorage();
    const one = await serving(storage);
    const { secure, source } = await acmeServingElsewhere(storage);
    await one.source.rollOverAccountKey();
    await secure.renew('elsewhere.test');
    await source.rollOverAccountKey();
    const [name = ''] = one.secure.status().certificates[0]?.names ?? [];
    await one.secure.renew(name);
    expect([...one.failed]).toEqual([]);
  });

  it('that the authority refuses leaves the old key, which goes on counting', async () => {
    const storage = memoryStorage();
    const { secure, source, failed } = await serving(storage);
    const before = await stored(storage);
    front.intercept = ({ path }) =>
      path === '/rollover-account-key'
        ? {
            status: 409,
            body: { type: 'urn:ietf:params:acme:error:malformed', detail: 'that key is in use' },
          }
        : undefined;
    await expect(source.rollOverAccountKey()).rejects.toMatchObject({
      code: 'ACME_REFUSED',
      message: expect.stringContaining('that key is in use') as unknown,
    });
    expect(await stored(storage)).toEqual(before);
    await secure.renew(secure.status().certificates[0]?.names[0] ?? '');
    expect(failed).toEqual([]);
  });

  it.each([
    ['before it arrived', 'lost', false],
    ['after it had its effect', 'answered to nobody', true],
  ])('that breaks %s is finished by the next order', async (_, _what, hasArrived) => {
    const storage = memoryStorage();
    const { secure, source, failed } = await serving(storage);
    const before = await stored(storage);
    const count = accounts();
    if (hasArrived) front.loseAnswerTo('/rollover-account-key');
    else front.intercept = ({ path }) => (path === '/rollover-account-key' ? 'reset' : undefined);
    await expect(source.rollOverAccountKey()).rejects.toMatchObject({ code: 'ACME_UNREACHABLE' });
    const between = await stored(storage);
    expect(between).toMatchObject({
      key: before['key'],
      nextKey: expect.stringContaining('PRIVATE KEY') as unknown,
    });
    front.intercept = () => undefined;
    await secure.renew(secure.status().certificates[0]?.names[0] ?? '');
    expect(failed).toEqual([]);
    const { url, key, nextKey } = await stored(storage);
    expect({ url, nextKey }).toEqual({ url: before['url'], nextKey: undefined });
    expect(key).toBe(hasArrived ? between['nextKey'] : before['key']);
    expect(accounts()).toBe(count);
  });

  it('is refused for a key of the user’s own, and before the start', async () => {
    const options = { domains: [], termsOfServiceAgreed: true } as const;
    await expect(acme(options).rollOverAccountKey()).rejects.toMatchObject({ code: 'NOT_STARTED' });
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const accountKey = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    await expect(acme({ ...options, accountKey }).rollOverAccountKey()).rejects.toThrow('`accountKey`');
  });
});

describe('An account that somebody deletes from the storage', () => {
  it('is put back by the process that knows it, and no other is made', async () => {
    const storage = memoryStorage();
    const { secure, failed } = await serving(storage);
    const before = await stored(storage);
    const count = accounts();
    const key = (await keysOf(storage, 'acme/')).find((each) => each.endsWith('/account')) ?? '';
    await storage.delete(key);
    await secure.renew(secure.status().certificates[0]?.names[0] ?? '');
    expect(await stored(storage)).toEqual(before);
    expect(failed).toEqual([]);
    expect(accounts()).toBe(count);
  });
});

/** A second process, as far as the account is concerned: its own name, the same storage. No validator reaches it. */
async function acmeServingElsewhere(storage: Storage): Promise<AcmeServing> {
  const { directoryUrl } = front;
  const options = { domains: [], directoryUrl };
  const made = acmeServer({
    pebble,
    keep,
    options,
    server: { storage, http: { port: pebble.httpPort, host: HOST } },
  });
  await made.secure.listen({ port: 0, host: HOST });
  await made.source.manage('elsewhere.test');
  await made.secure.ready();
  return made;
}
