import { afterEach, describe, expect, it } from '@jest/globals';
import type { Credential } from '../../src/credential/credential.js';
import { localNames } from '../../src/issuance/local-names.js';
import {
  selfSigned,
  type SelfSignedKeyType,
  type SelfSignedOptions,
} from '../../src/issuance/self-signed.js';
import type { CertificateSource } from '../../src/sources/certificate-source.js';
import { memoryStorage } from '../../src/storage/memory-storage.js';
import { type ManualClock, manualClock } from '../support/manual-clock.js';
import { keysOf } from './support/faulty-storage.js';
import { event } from './support/managed-fixture.js';
import { DAY_MS } from './support/scripted-issuer.js';
import { type RecordingHost, recordingHost } from './support/source-host.js';

const never = new AbortController().signal;
const open: CertificateSource[] = [];

afterEach(async () => {
  for (const source of open.splice(0)) await source.close?.();
});

async function startedSelfSigned(
  options: SelfSignedOptions = {},
  clock: ManualClock = manualClock(),
): Promise<{ source: CertificateSource; host: RecordingHost; clock: ManualClock; credential: Credential }> {
  const source = selfSigned(options);
  open.push(source);
  const host = recordingHost({ clock });
  await source.start?.(host);
  return { source, host, clock, credential: [...source.list!()][0]! };
}

describe('selfSigned()', () => {
  it('covers localhost, its addresses and this machine, all in one certificate', async () => {
    const { source, credential } = await startedSelfSigned();
    expect([...source.list!()]).toHaveLength(1);
    expect(credential.names).toEqual(
      expect.arrayContaining(['localhost', '127.0.0.1', '::1', ...localNames()]),
    );
  });

  it('lives ninety days and is backdated by an hour', async () => {
    const { credential, clock } = await startedSelfSigned();
    expect(Math.abs(credential.notAfter - clock.now() - 90 * DAY_MS)).toBeLessThan(5_000);
    expect(Math.abs(clock.now() - credential.notBefore - 3_600_000)).toBeLessThan(5_000);
  });

  it('answers for names that it covers, and as the default', async () => {
    const { source, credential } = await startedSelfSigned({ names: 'dev.test, 192.168.1.4, *.dev.test' });
    const find = (serverName: string): unknown => source.find({ serverName, signal: never });
    expect(find('dev.test')).toBe(credential);
    expect(find('x.dev.test')).toBe(credential);
    expect(find('192.168.1.4')).toBe(credential);
    expect(find('localhost')).toBeUndefined();
    expect(source.default?.()).toBe(credential);
  });

  it('removes from its storage what it had for other names, weeks after that has expired', async () => {
    const storage = memoryStorage();
    const before = await startedSelfSigned({ names: '192.168.1.4', days: 1, storage });
    await before.source.close?.();
    const { clock } = await startedSelfSigned({ names: '192.168.1.5', storage }, before.clock);
    const ofOld = async (): Promise<string[]> => keysOf(storage, 'managed/self-signed/192.168.1.4-');
    expect(await ofOld()).toHaveLength(1);
    await clock.advance(19 * DAY_MS);
    expect(await ofOld()).toEqual([]);
    expect(await keysOf(storage, 'managed/self-signed/192.168.1.5-')).not.toEqual([]);
  });

  it('is renewed before it expires, with a new key', async () => {
    const { source, host, clock, credential } = await startedSelfSigned({ names: 'dev.test' });
    const [{ nextRenewal } = {}] = [...source.managed!()];
    await clock.advance((nextRenewal?.at ?? 0) - clock.now());
    await event(host, 'renewed');
    const renewed = [...source.list!()][0]!;
    expect(renewed.notAfter).toBeGreaterThan(credential.notAfter);
    expect(renewed.key).not.toBe(credential.key);
  });

  it('keeps its certificate over a restart only when storage is given', async () => {
    const storage = memoryStorage();
    const clock = manualClock();
    const ids: string[] = [];
    for (const options of [{ storage }, { storage }, {}]) {
      ids.push((await startedSelfSigned({ names: 'dev.test', ...options }, clock)).credential.id);
    }
    expect(ids[1]).toBe(ids[0]);
    expect(ids[2]).not.toBe(ids[0]);
  });

  it('makes a new certificate when the key type is changed', async () => {
    const storage = memoryStorage();
    await startedSelfSigned({ names: 'dev.test', storage });
    const { credential } = await startedSelfSigned({ names: 'dev.test', storage, keyType: 'ecdsa-p384' });
    expect(credential.keyType).toBe('ecdsa-p384');
  });

  it('does not touch the storage of the server', async () => {
    const { host } = await startedSelfSigned({ names: 'dev.test' });
    for await (const key of host.storage.list('')) throw new Error(`stored ${key}`);
  });

  it('answers nothing before start()', () => {
    const source = selfSigned();
    expect(source.find({ serverName: 'localhost', signal: never })).toBeUndefined();
    expect(source.default?.()).toBeUndefined();
  });

  it.each([
    [{ names: [] }, /names is empty/],
    [{ names: 'a.test,,b.test' }, /names: "" is neither/],
    [{ names: ['a.test', 'no name'] }, /names: "no name" is neither/],
    [{ names: ['fe80::1%eth0'] }, /names: "fe80::1%eth0" is neither/],
    [{ names: 7 as unknown as string }, /names must be a string or a list/],
    [{ names: [7 as unknown as string] }, /names: 7 is neither/],
    [{ keyType: 'rsa-1024' as SelfSignedKeyType }, /keyType must be one of/],
    [{ days: 0 }, /days must be/],
    [{ days: Number.NaN }, /days must be/],
    [{ storage: {} as ReturnType<typeof memoryStorage> }, /storage must be a storage/],
    [{ name: 'a.test' } as SelfSignedOptions, /no option name/],
  ])('names the option that is misused: %j', (options, message) => {
    expect(() => selfSigned(options)).toThrow(TypeError);
    expect(() => selfSigned(options)).toThrow(message);
  });
});

describe('localNames()', () => {
  const address = (text: string): never => ({ address: text }) as never;

  it('leaves out what no certificate can hold', () => {
    const machine = {
      hostname: () => 'Box_7.LAN.',
      networkInterfaces: () => ({
        lo: [address('127.0.0.1'), address('::1')],
        eth0: [address('192.168.1.4'), address('fe80::1'), address('FEBF::1'), address('2001:DB8::1')],
      }),
    };
    expect(localNames(machine)).toEqual([
      'localhost',
      '127.0.0.1',
      '::1',
      'box_7.lan',
      '192.168.1.4',
      '2001:db8::1',
    ]);
  });

  it('leaves out a host name that is none by grammar', () => {
    const machine = { hostname: () => "Anna's laptop", networkInterfaces: () => ({}) };
    expect(localNames(machine)).toEqual(['localhost', '127.0.0.1', '::1']);
  });
});
