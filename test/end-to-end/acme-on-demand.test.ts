// Certificates on demand from Pebble: real first handshakes, and real strangers.
import { describe, expect, it } from '@jest/globals';
import type { OnDemandOptions, SecureServerOptions } from '../../src/index.js';
import type { Pebble } from '../support/pebble.js';
import { acmePage, acmeServer, type AcmeServing, HOST, nameGenerator } from './support/acme-server.js';
import { closesAfterEach } from './support/cleanup.js';
import { sharedPebble } from './support/shared-pebble.js';

const keep = closesAfterEach();
const newName = nameGenerator('demand');
let pebble: Pebble;

sharedPebble((started) => {
  pebble = started;
});

interface OnDemandServing extends AcmeServing {
  readonly asked: string[];
}

async function serving(
  onDemand: OnDemandOptions,
  server: SecureServerOptions = {},
): Promise<OnDemandServing> {
  const asked: string[] = [];
  const allow = (name: string): boolean | Promise<boolean> => {
    asked.push(name);
    return onDemand.allow(name);
  };
  const options = { onDemand: { ...onDemand, allow } };
  const made = acmeServer({ pebble, keep, options, server });
  await made.secure.listen({ port: pebble.tlsPort, host: HOST });
  return { ...made, asked };
}

describe('acme({ onDemand })', () => {
  it('orders one certificate for fifty concurrent first handshakes', async () => {
    const [name, before] = [newName(), pebble.orders()];
    const { asked } = await serving({ allow: () => Promise.resolve(true) });
    const pages = await Promise.all(Array.from({ length: 50 }, () => acmePage(pebble, name)));
    expect(new Set(pages.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(pages.map(({ serialNumber }) => serialNumber)).size).toBe(1);
    expect(pebble.orders() - before).toBe(1);
    expect(asked).toEqual([name]);
  });

  it('orders nothing for a name that is refused, and asks once', async () => {
    const [name, before] = [newName(), pebble.orders()];
    const { asked, secure } = await serving({ allow: () => false }, { unknownName: 'reject' });
    for (let client = 0; client < 10; client += 1) {
      await expect(acmePage(pebble, name)).rejects.toMatchObject({
        message: expect.stringMatching(/unrecognized name/i) as unknown,
      });
    }
    expect(asked).toEqual([name]);
    expect(pebble.orders() - before).toBe(0);
    expect(secure.status().certificates).toEqual([]);
  });

  it('serves the next source where it has nothing, also when the question throws', async () => {
    const [known, unknown] = [newName(), newName()];
    const { secure } = await serving({
      allow: (name) => {
        if (name === unknown) throw new Error('database down');
        return true;
      },
    });
    expect(await acmePage(pebble, known)).toMatchObject({ status: 200 });
    await expect(acmePage(pebble, unknown)).rejects.toBeDefined();
    expect(secure.status().certificates).toMatchObject([{ names: [known], state: 'valid' }]);
    expect(secure.status().findings).toMatchObject([{ code: 'NAME_NOT_ALLOWED' }]);
  });
});
