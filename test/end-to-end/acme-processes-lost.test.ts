// A process that works on a certificate and is killed, or stopped, while others on the same folder wait: after the lease
// of 30 seconds another one takes up the very order that was begun.
import { describe, expect, it } from '@jest/globals';
import { fileStorage } from '../../src/index.js';
import type { Pebble } from '../support/pebble.js';
import type { PebbleFront } from '../support/pebble-front.js';
import { withTemporaryFolder } from '../support/temporary-folder.js';
import { acmePage, nameGenerator } from './support/acme-server.js';
import { type AcmeProcess, acmeProcess } from './support/acme-processes.js';
import { closesAfterEach } from './support/cleanup.js';
import { frontedPebble } from './support/fronted-pebble.js';

const keep = closesAfterEach();
const newName = nameGenerator('lost');
let pebble: Pebble;
let front: PebbleFront;

frontedPebble((started) => {
  ({ pebble, front } = started);
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

describe('The renewal of a process that is stopped', () => {
  it('is finished by another while the old certificate serves, and it writes nothing when it goes on', () =>
    withTemporaryFolder(async (folder) => {
      const names = [newName(), newName()] as const;
      const storage = folder.file('storage');
      const shared = { keep, pebble: { ...pebble, directoryUrl: front.directoryUrl }, storage };
      // Validators, and clients, come to this one.
      const heir = await acmeProcess({ ...shared, domains: [...names] });
      const before = await serialNumbers(heir, names, 'issued');
      const orders = pebble.orders();
      // One has not heard of its certificate yet, the other has it all but stored.
      const stopped = [await stoppedAt('/finalize-order/', names[0]), await stoppedAt('/certZ/', names[1])];
      for (const name of names) heir.say(`renew ${name}`);
      const seen = new Set<string>();
      const look = async (): Promise<void> => void seen.add((await acmePage(pebble, names[0])).serialNumber);
      const renewal = serialNumbers(heir, names, 'renewed');
      let after: Awaited<typeof renewal> | undefined;
      while (after === undefined) {
        after = (await Promise.race([renewal, look()])) ?? undefined;
        // Others have work to do as well.
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      expect([before[0], after[0]]).toEqual(expect.arrayContaining([...seen]));
      expect(seen).toContain(before[0]);
      const written = await versionsIn(storage);
      for (const each of stopped) each.signal('SIGCONT');
      for (const [index, each] of stopped.entries()) {
        const woken = await each.told(({ action }) => action === 'reloaded' || action === 'renewed');
        expect(woken).toMatchObject({ action: 'reloaded', serialNumber: after[index] });
        each.say('close');
        // By its end it has tried whatever it was about to write.
        await expect(each.told(() => false)).rejects.toThrow('The process ended');
      }
      expect(await versionsIn(storage)).toEqual(written);
      expect(pebble.orders() - orders).toBe(names.length);
      expect(heir.lines.filter(({ event }) => event === 'failed')).toEqual([]);

      async function stoppedAt(where: string, name: string): Promise<AcmeProcess> {
        const victim = await acmeProcess({ ...shared, domains: [name], port: 0 });
        const isStopped = new Promise<void>((resolve) => {
          front.intercept = ({ path }) => {
            if (!path.startsWith(where)) return undefined;
            victim.signal('SIGSTOP');
            resolve();
            front.intercept = () => undefined;
            return where === '/certZ/' ? undefined : 'hang';
          };
        });
        victim.say(`renew ${name}`);
        await isStopped;
        return victim;
      }
    }));
});

/** Of the certificates that a process has told of so, in the order of their names. */
function serialNumbers(
  process: AcmeProcess,
  names: readonly string[],
  wanted: string,
): Promise<readonly (string | undefined)[]> {
  const serialOf = async (name: string): Promise<string | undefined> =>
    (await process.told(({ action, names: [first] = [] }) => action === wanted && first === name))
      .serialNumber;
  return Promise.all(names.map(serialOf));
}

/** Of the certificates that are stored. */
async function versionsIn(folder: string): Promise<Readonly<Record<string, string | undefined>>> {
  const storage = fileStorage(folder);
  const versions: Record<string, string | undefined> = {};
  for await (const key of storage.list('managed/'))
    if (/\/(?:current|previous)$/.test(key)) versions[key] = (await storage.get(key))?.version;
  return versions;
}

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
