// An intermediate that ends before the certificate, of a pair that nobody has asked for yet.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createSecureServer, directory, type ExpiryEvent } from '../../../src/index.js';
import { ChainEnds } from '../../../src/sources/directory/chain-ends.js';
import { testCa } from '../../support/certificates.js';
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary-folder.js';
import { until } from '../../support/until.js';

const DAY_MS = 86_400_000;
const SOON = Math.floor(Date.now() / 1_000) * 1_000 + DAY_MS / 4;
const LEAF_END = Date.now() + 60 * DAY_MS;

const shortCa = () => testCa({ name: 'Short', intermediateNotAfter: SOON });

function file(...parts: readonly string[]): Buffer {
  return Buffer.from(parts.join(''));
}

describe('The intermediates in a file', () => {
  it('are told of when one ends before the leaf, with its name', async () => {
    const { cert } = await (await shortCa()).issue({ names: ['a.test'] });
    const ends = new ChainEnds();
    const expected = { subject: 'CN=Short Intermediate', notAfter: SOON };
    expect(ends.shortIn(file(cert), LEAF_END)).toEqual(expected);
    // Known by then.
    expect(ends.shortIn(file(cert), LEAF_END)).toEqual(expected);
    expect(ends.shortIn(file(cert), SOON)).toBeUndefined();
  });

  it('are nothing to tell of when they last, or are not of the chain of the leaf', async () => {
    const { cert } = await (await testCa()).issue({ names: ['a.test'] });
    const { intermediatePem } = await shortCa();
    const ends = new ChainEnds();
    expect(ends.shortIn(file(cert), LEAF_END)).toBeUndefined();
    expect(ends.shortIn(file(cert, intermediatePem), LEAF_END)).toBeUndefined();
  });

  it('that cannot be read are left to whoever loads the pair', async () => {
    const { cert } = await (await testCa()).issue({ names: ['a.test'] });
    const [begin, end] = ['-----BEGIN CERTIFICATE-----\n', '\n-----END CERTIFICATE-----\n'];
    const ends = new ChainEnds();
    for (const text of ['', 'MAA=', 'MIIB', '????'])
      expect(ends.shortIn(file(cert, begin, text, end), LEAF_END)).toBeUndefined();
    expect(ends.shortIn(file(cert, begin), LEAF_END)).toBeUndefined();
  });
});

describe('A folder with a pair whose intermediate ends first', () => {
  let folder: TemporaryFolder;

  beforeEach(async () => {
    folder = await temporaryFolder();
  });

  afterEach(() => folder.remove());

  it('tells of it, by event and in status(), before anybody has asked for the pair', async () => {
    await (await shortCa()).issue({ names: ['a.test'] }).then((pair) => pair.writeTo(folder.path, 'a'));
    // A default, so that the other one is not loaded for strangers.
    await (await testCa()).issue({ names: ['b.test'] }).then((pair) => pair.writeTo(folder.path, 'default'));
    const secure = createSecureServer({ sources: directory(folder.path), logger: false });
    const told: ExpiryEvent[] = [];
    secure.on('expiring', (event) => told.push(event));
    await secure.start();
    const state = () => secure.status().certificates.find(({ names }) => names[0] === 'a.test');
    await until(() => state() !== undefined && told.length > 0, 'the certificate and the warning');
    expect(state()).toMatchObject({
      state: 'expiring',
      intermediate: { subject: 'CN=Short Intermediate', notAfter: new Date(SOON).toISOString() },
    });
    // Not loaded: what only the loaded certificate knows is not there.
    expect(state()).not.toHaveProperty('fingerprint256');
    expect(told[0]).toMatchObject({ names: ['a.test'], intermediate: 'CN=Short Intermediate' });
    await secure.close();
  });
});
