// A folder of which most is not loaded: what its files say is known all the same, and certificates that run out are told.
import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createSecureServer, directory, type ExpiryEvent, type SecureServer } from '../../src/index.js';
import { type LeafRequest, newTestKey, testCa, type TestCa, type TestKey } from '../support/certificates.js';
import { sClient } from '../support/clients.js';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.js';
import { until } from '../support/until.js';
import { portOf } from './support/connections.js';

const DAY_MS = 86_400_000;
/** One more than are loaded by themselves. */
const PAIRS = 1_001;
const now = Date.now();
const RUN_OUT = { notBefore: now - 9 * DAY_MS, notAfter: now - DAY_MS / 2 };
/** By file name; all others are in date for months. */
const SPECIAL: Readonly<Record<string, Partial<LeafRequest>>> = {
  'n1.test': { ...RUN_OUT, serialNumber: '0a01' },
  'n2.test': { notBefore: now - 80 * DAY_MS, notAfter: now + 10 * DAY_MS - 1_000, serialNumber: '00ee02' },
  // Beside its successor.
  'n3.test-old': { ...RUN_OUT, names: ['n3.test'] },
};

let ca: TestCa;
let key: TestKey;
let folder: TemporaryFolder;
let secure: SecureServer;
const told: string[] = [];

beforeAll(async () => {
  [ca, key, folder] = [await testCa(), await newTestKey('ecdsa-p256'), await temporaryFolder()];
  const names = [...Array.from({ length: PAIRS - 1 }, (_, number) => `n${number}.test`), 'n3.test-old'];
  for (const name of names) {
    const pair = await ca.issue({ names: [name], key, ...SPECIAL[name] });
    await writeFile(folder.file(`${name}.crt`), pair.cert);
    await writeFile(folder.file(`${name}.key`), pair.key, { mode: 0o600 });
  }
  secure = createSecureServer({ sources: directory(folder.path), logger: false }, (_request, response) => {
    response.end();
  });
  for (const kind of ['expiring', 'expired'] as const)
    secure.on(kind, ({ names: of, serialNumber, source, daysLeft }: ExpiryEvent) =>
      told.push([kind, source, of.join(), serialNumber, daysLeft].join(' ')),
    );
  await secure.listen({ port: 0, host: '127.0.0.1' });
  await until(() => told.length === 2, 'the events');
});

afterAll(async () => {
  await secure.close();
  await folder.remove();
});

describe('a folder of which most is not loaded', () => {
  it('has told of what runs out and of what has, and not of what has a successor', () => {
    expect([...told].sort()).toEqual([
      'expired directory n1.test 0A01 -1',
      'expiring directory n2.test EE02 9',
    ]);
  });

  it('is in status() whole, by what its files say', () => {
    const { certificates } = secure.status();
    expect(certificates).toHaveLength(PAIRS - 1);
    const states = new Map(certificates.map(({ names, state }) => [names.join(), state]));
    expect([...states].filter(([, state]) => state !== 'valid')).toEqual(
      expect.arrayContaining([
        ['n1.test', 'expired'],
        ['n2.test', 'expiring'],
      ]),
    );
    expect([...states.values()].filter((state) => state === 'valid')).toHaveLength(PAIRS - 3);
    const expiring = certificates.find(({ state }) => state === 'expiring');
    expect(expiring).toEqual({
      ...{ names: ['n2.test'], source: 'directory', state: 'expiring', serialNumber: 'EE02', daysLeft: 9 },
      notBefore: expect.stringMatching(/^20/),
      notAfter: expect.stringMatching(/^20/),
    });
  });

  it('is in metrics(), each certificate once', () => {
    const lines = secure
      .metrics()
      .split('\n')
      .filter((line) => line.startsWith('tlsmith_certificate_not_after'));
    expect(lines).toHaveLength(PAIRS - 1);
    expect(new Set(lines).size).toBe(PAIRS - 1);
    expect(
      lines.filter((line) => line.includes('names="n1.test",source="directory",serial="0A01"')),
    ).toHaveLength(1);
  });

  it('tells nothing again when a client has one of them loaded, which is known better then', async () => {
    await sClient({ port: portOf(secure.server), host: 'n2.test', caPem: ca.rootPem });
    const known = secure.status().certificates.filter(({ names }) => names.includes('n2.test'));
    expect(known).toMatchObject([{ issuer: 'Test Intermediate', serialNumber: 'EE02', state: 'expiring' }]);
    await new Promise(setImmediate);
    expect(told).toHaveLength(2);
  });
});
