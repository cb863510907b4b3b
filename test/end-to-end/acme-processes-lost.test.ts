// A process that works on a certificate and is killed, or stopped, while others on the same folder wait: after the lease
// of 30 seconds another one takes up the very order that was begun.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Pebble, startPebble } from '../support/pebble.js';
import { type PebbleFront, startPebbleFront } from '../support/pebble-front.js';
import { withTemporaryFolder } from '../support/temporary-folder.js';
import { nameGenerator } from './support/acme-server.js';
import { type AcmeProcess, acmeProcess } from './support/acme-processes.js';
import { closesAfterEach } from './support/cleanup.js';

const keep = closesAfterEach();
const newName = nameGenerator('lost');
let pebble: Pebble;
let front: PebbleFront;

beforeAll(async () => {
  pebble = await startPebble();
  front = await startPebbleFront(pebble);
});

afterAll(async () => {
  await front.stop();
  await pebble.stop();
});

describe('The order of a process', () => {
  it('that was killed or stopped in the middle of it is finished by another, once', () =>
    withTemporaryFolder(async (folder) => {
      const names = [newName(), newName()] as const;
      const shared = {
        ...{ keep, pebble: { ...pebble, directoryUrl: front.directoryUrl } },
        storage: folder.file('storage'),
      };
      const orders = pebble.orders();
      // Validators come to the one that waits.
      const heir = await acmeProcess({ ...shared, domains: [] });
      const [killed, stopped] = [await finalizing(names[0]), await finalizing(names[1])];
      await killed.kill();
      stopped.signal('SIGSTOP');
      front.intercept = () => undefined;
      for (const name of names) heir.say(`manage ${name}`);
      const issued = await Promise.all(
        names.map((name) =>
          heir.told(({ action, names: [first] = [] }) => action === 'issued' && first === name),
        ),
      );
      stopped.signal('SIGCONT');
      const woken = await stopped.told(({ event }) => event === 'certificate');
      expect(woken).toMatchObject({ action: 'loaded', serialNumber: issued[1]?.serialNumber });
      expect(pebble.orders() - orders).toBe(names.length);
      expect(heir.lines.filter(({ event }) => event === 'failed')).toEqual([]);

      async function finalizing(name: string): Promise<AcmeProcess> {
        const isFinalizing = finalizingHangs();
        const victim = await acmeProcess({ ...shared, domains: [name], port: 0 });
        await isFinalizing;
        return victim;
      }
    }));
});

/** Resolves once a process has asked for its certificate, which the authority never hears of. */
function finalizingHangs(): Promise<void> {
  return new Promise((resolve) => {
    front.intercept = ({ path }) => {
      if (!path.startsWith('/finalize-order/')) return undefined;
      resolve();
      return 'hang';
    };
  });
}
