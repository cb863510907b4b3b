// A process that is killed while it revokes a certificate: the next one replaces it at once, and what the authority has not
// heard of is revoked then.
import { describe, expect, it } from '@jest/globals';
import type { Pebble } from '../support/pebble.js';
import type { Interception, PebbleFront } from '../support/pebble-front.js';
import { withTemporaryFolder } from '../support/temporary-folder.js';
import { acmePage, nameGenerator } from './support/acme-server.js';
import { type AcmeProcess, acmeProcess } from './support/acme-processes.js';
import { closesAfterEach } from './support/cleanup.js';
import { frontedPebble } from './support/fronted-pebble.js';

const keep = closesAfterEach();
const newName = nameGenerator('revoked');
let pebble: Pebble;
let front: PebbleFront;

frontedPebble((started) => {
  ({ pebble, front } = started);
});

/** A process, and the certificate that it serves. */
async function serving(storage: string, name: string): Promise<AcmeProcess & { serialNumber: string }> {
  const { directoryUrl } = front;
  const server = await acmeProcess({ keep, pebble: { ...pebble, directoryUrl }, storage, domains: [name] });
  const { serialNumber = '' } = await server.told(({ event }) => event === 'certificate');
  return { ...server, serialNumber };
}

/** Kills it by its request to revoke, which the authority hears of or not. */
async function killedByRevoking(server: AcmeProcess, name: string, isHeard: boolean): Promise<void> {
  const killed = new Promise<void>((resolve) => {
    front.intercept = ({ path }): ReturnType<Interception> => {
      if (path !== '/revoke-cert') return undefined;
      void server.kill().then(resolve);
      return isHeard ? undefined : 'hang';
    };
  });
  server.say(`revoke ${name}`);
  await killed;
  front.intercept = () => undefined;
}

describe('A process that is killed while it revokes a certificate', () => {
  it.each([
    ['before the authority has heard of it', false],
    ['when the authority has just done so', true],
  ])('%s is followed by one that replaces it at once', (_, isHeard) =>
    withTemporaryFolder(async (folder) => {
      const name = newName();
      const storage = folder.file('storage');
      const first = await serving(storage, name);
      await killedByRevoking(first, name, isHeard);
      const orders = pebble.orders();
      const next = await serving(storage, name);
      const renewed = await next.told(({ action }) => action === 'renewed');
      expect(renewed.serialNumber).not.toBe(first.serialNumber);
      expect(await acmePage(pebble, name)).toMatchObject({ serialNumber: renewed.serialNumber });
      expect(await pebble.certificateStatus(first.serialNumber)).toBe('Revoked');
      expect(await pebble.certificateStatus(renewed.serialNumber ?? '')).toBe('Valid');
      expect(pebble.orders() - orders).toBe(1);
    }),
  );

  it('is followed by one that serves the certificate before it while no other can be had', () =>
    withTemporaryFolder(async (folder) => {
      const name = newName();
      const storage = folder.file('storage');
      const server = await serving(storage, name);
      server.say(`renew ${name}`);
      const { serialNumber: revoked } = await server.told(({ action }) => action === 'renewed');
      await killedByRevoking(server, name, true);
      front.intercept = ({ path }) => (path === '/order-plz' ? { status: 503 } : undefined);
      const next = await serving(storage, name);
      await next.told(({ event }) => event === 'failed');
      expect(await acmePage(pebble, name)).toMatchObject({ serialNumber: server.serialNumber });
      expect(await pebble.certificateStatus(revoked ?? '')).toBe('Revoked');
      front.intercept = () => undefined;
      next.say(`renew ${name}`);
      const { serialNumber } = await next.told(({ action }) => action === 'renewed');
      expect([server.serialNumber, revoked]).not.toContain(serialNumber);
    }));
});
