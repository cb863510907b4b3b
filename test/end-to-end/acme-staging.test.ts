// From an authority for tests to the real one and back, on one storage: two Pebbles, by the names that such authorities have.
import { afterEach, describe, expect, it } from '@jest/globals';
import { X509Certificate } from 'node:crypto';
import { Agent } from 'node:https';
import type { LookupFunction } from 'node:net';
import { memoryStorage } from '../../src/index.js';
import { keysOf } from '../issuance/support/faulty-storage.js';
import type { Pebble } from '../support/pebble.js';
import { type PebbleFront, startPebbleFront } from '../support/pebble-front.js';
import { acmeServing, type AcmeServing, HOST } from './support/acme-server.js';
import { problem } from './support/certificate-in-use.js';
import { closesAfterEach } from './support/cleanup.js';
import { tls } from './support/connections.js';
import { sharedPebble } from './support/shared-pebble.js';

const NAME = 'shop.test';
const pebbles: Pebble[] = [];
const storage = memoryStorage();
const ends: (() => Promise<void> | void)[] = [];

sharedPebble((started) => pebbles.push(started));
sharedPebble((started) => pebbles.push(started));

// Registered first, so that it runs after the servers under test have closed.
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});
const keep = closesAfterEach();

/** Every name leads to this machine. */
const here: LookupFunction = (_name, _options, found) => {
  found(null, [{ address: HOST, family: 4 }]);
};

interface Authority {
  readonly pebble: Pebble;
  readonly front: PebbleFront;
  /** Under the name that it has for the server under test. */
  readonly hostname: string;
}

async function authority(which: number, hostname: string): Promise<Authority> {
  const pebble = pebbles[which]!;
  const front = await startPebbleFront(pebble);
  ends.push(() => front.stop());
  return { pebble, front, hostname };
}

function serving({ pebble, front, hostname }: Authority): Promise<AcmeServing> {
  const directoryUrl = front.directoryUrl.replace('127.0.0.1', hostname);
  const agent = new Agent({ ca: pebble.serverCa, lookup: here, servername: 'localhost' });
  ends.unshift(() => {
    agent.destroy();
  });
  const options = { domains: NAME, directoryUrl, agent, waitMs: 0 };
  return acmeServing({ pebble, keep, options, server: { storage } });
}

/** The serial number of what a client gets that trusts anybody; undefined when it gets nothing. */
async function served({ pebble }: Authority): Promise<string | undefined> {
  try {
    const socket = await tls(pebble.tlsPort, { servername: NAME, rejectUnauthorized: false });
    const { serialNumber } = new X509Certificate(socket.getPeerCertificate().raw);
    socket.destroy();
    return serialNumber;
  } catch {
    return undefined;
  }
}

function serialOf({ secure }: AcmeServing): string | undefined {
  return secure.status().certificates[0]?.serialNumber;
}

describe('A test authority and the real one, on one storage', () => {
  it('never serve each other’s certificates, and what was discarded is said', async () => {
    const staging = await authority(0, 'acme-staging.test');
    const production = await authority(1, 'acme.example');
    const first = await serving(staging);
    await first.secure.ready();
    expect(first.secure.status().findings).toMatchObject([{ code: 'ACME_STAGING_ACTIVE' }]);
    expect(await served(staging)).toBe(serialOf(first));
    await first.secure.close({ graceMs: 0 });

    production.front.intercept = ({ path }) =>
      path === '/order-plz' ? problem('serverInternal', 'not now', 503) : undefined;
    const second = await serving(production);
    expect(second.secure.status().findings).toEqual([]);
    expect(second.warnings.join('\n')).toMatch(
      /shop\.test that an authority for tests has issued is discarded/,
    );
    await expect(second.secure.renew(NAME)).rejects.toMatchObject({ code: 'ACME_SERVER_ERROR' });
    for (let count = 0; count < 5; count += 1) expect(await served(production)).toBeUndefined();
    production.front.intercept = () => undefined;
    await second.secure.renew(NAME);
    expect(await served(production)).toBe(serialOf(second));
    expect(serialOf(second)).not.toBe(serialOf(first));
    await second.secure.close({ graceMs: 0 });

    // Back again, and forth: both have their own, and nothing is ordered.
    const again = await serving(staging);
    expect(await served(staging)).toBe(serialOf(first));
    await again.secure.close({ graceMs: 0 });
    const forth = await serving(production);
    expect(await served(production)).toBe(serialOf(second));
    expect(forth.warnings).toEqual([]);
    expect(pebbles.map((pebble) => pebble.orders())).toEqual([1, 1]);
    const accounts = (await keysOf(storage, 'acme/')).filter((key) => key.endsWith('/account'));
    expect(accounts).toHaveLength(2);
  });
});
