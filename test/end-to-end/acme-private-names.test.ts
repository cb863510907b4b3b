// Names that no public authority can certify: none is asked, and an authority of one's own is.
import { describe, expect, it } from '@jest/globals';
import { Agent } from 'node:https';
import { memoryStorage } from '../../src/index.js';
import type { Pebble } from '../support/pebble.js';
import { acmePage, acmeServer, acmeServing, HOST } from './support/acme-server.js';
import { closesAfterEach } from './support/cleanup.js';
import { sharedPebble } from './support/shared-pebble.js';

const keep = closesAfterEach();
let pebble: Pebble;

sharedPebble((started) => {
  pebble = started;
});

/** Counts what it is asked for, and connects nowhere. */
class NoAgent extends Agent {
  asked = 0;
  override createConnection(): never {
    this.asked += 1;
    throw new Error('There is no network here.');
  }
}

describe('A private name', () => {
  it('is not ordered from a public authority, which nobody connects to', async () => {
    const agent = new NoAgent();
    const { secure, failed } = acmeServer({
      ...{ pebble, keep },
      options: { domains: 'db.internal, localhost, 192.168.1.4', directoryUrl: 'letsencrypt', agent },
    });
    await secure.listen({ port: 0, host: HOST });
    await expect(secure.ready()).rejects.toMatchObject({
      code: 'ACME_IDENTIFIER_REJECTED',
      isPermanent: true,
    });
    await expect(secure.renew('192.168.1.4')).rejects.toMatchObject({ code: 'ACME_IDENTIFIER_REJECTED' });
    expect(new Set(failed.map(({ error }) => error.code))).toEqual(new Set(['ACME_IDENTIFIER_REJECTED']));
    const states = secure.status().certificates;
    expect(states.map(({ lastError }) => lastError?.code)).toEqual(Array(3).fill('ACME_IDENTIFIER_REJECTED'));
    expect(states.every(({ nextAttempt }) => Date.parse(nextAttempt ?? '') > Date.now())).toBe(true);
    expect(agent.asked).toBe(0);
    agent.destroy();
  });

  it('of a certificate in use goes on being served when the authority is changed to a public one', async () => {
    const storage = memoryStorage();
    const domains = 'db.internal';
    const own = await acmeServing({ pebble, keep, options: { domains }, server: { storage } });
    await own.secure.ready();
    const { serialNumber } = await acmePage(pebble, domains);
    await own.secure.close({ graceMs: 0 });
    const agent = new NoAgent();
    const options = { domains, directoryUrl: 'letsencrypt', agent } as const;
    const { secure } = await acmeServing({ pebble, keep, options, server: { storage } });
    await expect(secure.renew(domains)).rejects.toMatchObject({ code: 'ACME_IDENTIFIER_REJECTED' });
    expect(await acmePage(pebble, domains)).toMatchObject({ status: 200, serialNumber });
    expect(secure.status().certificates).toMatchObject([
      { serialNumber, lastError: { code: 'ACME_IDENTIFIER_REJECTED' }, nextAttempt: expect.any(String) },
    ]);
    expect(agent.asked).toBe(0);
    agent.destroy();
  });

  it('is ordered from an authority of one’s own', async () => {
    const { secure, failed } = await acmeServing({ pebble, keep, options: { domains: 'db.internal' } });
    await secure.ready();
    expect(await acmePage(pebble, 'db.internal')).toMatchObject({ status: 200, names: 'DNS:db.internal' });
    expect(failed).toEqual([]);
  });
});
