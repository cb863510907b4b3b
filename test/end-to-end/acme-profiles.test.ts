// Profiles and lifetimes: what is ordered by which name, with Pebble behind a front that has profiles.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { type AcmeOptions, memoryStorage } from '../../src/index.js';
import type { Pebble } from '../support/pebble.js';
import type { PebbleFront } from '../support/pebble-front.js';
import { acmeServing, type AcmeServing, nameGenerator, nextFailure } from './support/acme-server.js';
import { closesAfterEach } from './support/cleanup.js';
import { frontedPebble } from './support/fronted-pebble.js';

const PROFILES = { classic: 'as ever', shortlived: 'six days' };
const keep = closesAfterEach();
const newName = nameGenerator('profile');
let pebble: Pebble;
let front: PebbleFront;

frontedPebble((started) => {
  ({ pebble, front } = started);
});

beforeEach(() => {
  front.features.profiles = PROFILES;
  delete front.features.renewalInfo;
});

function serving(domains: string, options: Partial<AcmeOptions> = {}): Promise<AcmeServing> {
  const { directoryUrl } = front;
  return acmeServing({
    ...{ pebble, keep, options: { domains, directoryUrl, ...options } },
    server: { storage: memoryStorage() },
  });
}

const ordered = (): readonly unknown[] => front.orders.map(({ profile }) => profile);

describe('A profile', () => {
  it.each([['shortlived'], [{ prefer: 'shortlived' }], [{ require: 'shortlived' }]])(
    'given as %j is ordered, also by the renewal',
    async (profile) => {
      const name = newName();
      const { secure } = await serving(name, { profile });
      await secure.ready();
      await secure.renew(name);
      expect(ordered()).toEqual(['shortlived', 'shortlived']);
      expect(secure.status().findings).toEqual([]);
    },
  );

  it('that is not given is left to the authority', async () => {
    const { secure } = await serving(newName());
    await secure.ready();
    expect(ordered()).toEqual([undefined]);
  });

  it('for addresses is the one that Let’s Encrypt has for them, where there is one', async () => {
    const first = await serving('127.0.0.1');
    await first.secure.ready();
    await first.secure.close({ graceMs: 0 });
    delete front.features.profiles;
    const second = await serving('127.0.0.1');
    await second.secure.ready();
    expect(ordered()).toEqual(['shortlived', undefined]);
    expect(second.secure.status().findings).toEqual([]);
  });

  it('for addresses is the one that is given', async () => {
    const { secure } = await serving('127.0.0.1', { profile: 'classic' });
    await secure.ready();
    expect(ordered()).toEqual(['classic']);
  });

  it('that is preferred and not on offer is done without, and told of', async () => {
    const { secure } = await serving(newName(), { profile: 'tlsserver' });
    await secure.ready();
    expect(ordered()).toEqual([undefined]);
    expect(secure.status().findings).toMatchObject([
      { code: 'ACME_PROFILE_UNAVAILABLE', severity: 'warning', source: 'acme' },
    ]);
  });

  it('that is required and not on offer is an error that no retry mends, and nothing is ordered', async () => {
    const { secure } = await serving(newName(), { profile: { require: 'tlsserver' } });
    const error = await secure.ready().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'ACME_PROFILE_UNAVAILABLE', isPermanent: true });
    expect(String(error)).toContain('tlsserver');
    expect(String(error)).toContain('classic, shortlived');
    expect(ordered()).toEqual([]);
  });

  it.each(['invalidProfile', 'unauthorized', 'malformed'])(
    'that is preferred and refused as %s is done without, in the same attempt',
    async (type) => {
      refuse('/order-plz', type);
      const { secure, failed, warnings } = await serving(newName(), { profile: { prefer: 'shortlived' } });
      await secure.ready();
      expect(failed).toEqual([]);
      expect(ordered()).toEqual([undefined]);
      expect(warnings).toContainEqual(expect.stringContaining('refused an order for the profile shortlived'));
    },
  );

  it('that is preferred and refused by finalize is done without, in the same attempt', async () => {
    refuse('/finalize-order/', 'invalidProfile');
    const { secure, failed, warnings } = await serving(newName(), { profile: { prefer: 'shortlived' } });
    await secure.ready();
    expect(failed).toEqual([]);
    expect(ordered()).toEqual(['shortlived', undefined]);
    expect(warnings).toContainEqual(expect.stringContaining('refused an order for the profile shortlived'));
  });

  it('that is required and refused ends the attempt, in the authority’s words', async () => {
    refuse('/order-plz', 'invalidProfile');
    const { secure } = await serving(newName(), { profile: { require: 'shortlived' } });
    const { error } = await nextFailure({ secure });
    expect(error).toMatchObject({ code: 'ACME_PROFILE_UNAVAILABLE', isPermanent: true });
    expect(error.message).toContain('not for you (invalidProfile)');
  });
});

describe('An end of validity', () => {
  it('is asked for in each order, from the time of the order', async () => {
    const name = newName();
    const { secure } = await serving(name, { lifetimeMs: 3_600_000 });
    await secure.ready();
    await secure.renew(name);
    const left = front.orders.map(({ notAfter }) => Date.parse(String(notAfter)) - Date.now());
    expect(left).toHaveLength(2);
    for (const leftMs of left) expect(Math.abs(leftMs - 3_600_000)).toBeLessThan(60_000);
  });
});

/** Refuses the first request for what begins with `path`, unless it orders without a profile. */
function refuse(path: string, type: string): void {
  let isRefused = false;
  front.intercept = (request) => {
    if (isRefused || !request.path.startsWith(path) || request.payload === undefined) return undefined;
    isRefused = true;
    const body = { type: `urn:ietf:params:acme:error:${type}`, detail: 'not for you' };
    return { status: 400, body };
  };
}
