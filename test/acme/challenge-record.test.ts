import { describe, expect, it } from '@jest/globals';
import { ChallengeRecords } from '../../src/acme/challenge-record.js';
import type { ChallengeAnswer } from '../../src/sources/certificate-source.js';
import { memoryStorage } from '../../src/storage/memory-storage.js';
import { keysOf } from '../issuance/support/faulty-storage.js';

const HOUR_MS = 3_600_000;
const TOKEN: ChallengeAnswer = { type: 'http-01', token: 'token-1', keyAuthorization: 'token-1.thumbprint' };
const NAME: ChallengeAnswer = {
  ...{ type: 'tls-alpn-01', identifier: 'a.test' },
  credential: { cert: 'certificate', key: 'key' },
};

describe('A stored challenge', () => {
  it.each([TOKEN, NAME])('is found by what a validator asks for, until it is deleted: %j', async (answer) => {
    const storage = memoryStorage();
    const erase = await new ChallengeRecords(storage, 'ca').write(answer, 0);
    const other = new ChallengeRecords(storage, 'ca');
    expect(await other.find(answer, 0)).toEqual(answer);
    expect(await new ChallengeRecords(storage, 'another-ca').find(answer, 0)).toBeUndefined();
    await erase();
    expect(await keysOf(storage)).toEqual([]);
  });

  it('has a key that is valid, however long the name', async () => {
    const records = new ChallengeRecords(memoryStorage(), 'ca');
    const identifier = `${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}.test`;
    await records.write({ ...NAME, identifier }, 0);
    expect(await records.find({ type: 'tls-alpn-01', identifier }, 0)).toMatchObject({ identifier });
  });

  it('is not found by another name or token', async () => {
    const records = new ChallengeRecords(memoryStorage(), 'ca');
    await records.write(NAME, 0);
    expect(await records.find({ type: 'tls-alpn-01', identifier: 'b.test' }, 0)).toBeUndefined();
    expect(await records.find({ type: 'http-01', token: 'a.test' }, 0)).toBeUndefined();
  });

  it('is no answer any more an hour after a process was killed over it', async () => {
    const records = new ChallengeRecords(memoryStorage(), 'ca');
    await records.write(TOKEN, 0);
    expect(await records.find(TOKEN, HOUR_MS - 1)).toEqual(TOKEN);
    expect(await records.find(TOKEN, HOUR_MS)).toBeUndefined();
  });

  it('that has taken the place of another outlives it', async () => {
    const records = new ChallengeRecords(memoryStorage(), 'ca');
    const eraseFirst = await records.write(NAME, 0);
    const second = { ...NAME, credential: { cert: 'second', key: 'key' } };
    await records.write(second, 0);
    await eraseFirst();
    expect(await records.find(NAME, 0)).toEqual(second);
  });

  it.each([
    ['nothing', ''],
    ['no object', 'null'],
    ['another format', '{"format":2,"until":9999999999999,"answer":{}}'],
    ['no answer', '{"format":1,"until":9999999999999}'],
    ['no pair', '{"format":1,"until":9999999999999,"answer":{"type":"tls-alpn-01","identifier":"a.test"}}'],
    [
      'half a pair',
      '{"format":1,"until":9999999999999,"answer":{"type":"tls-alpn-01","identifier":"a.test","credential":{"cert":"x"}}}',
    ],
    ['no name', '{"format":1,"until":9999999999999,"answer":{"type":"tls-alpn-01"}}'],
  ])('that is damaged is as good as none: %s', async (_what, text) => {
    const storage = memoryStorage();
    const records = new ChallengeRecords(storage, 'ca');
    await records.write(NAME, 0);
    const [key = ''] = await keysOf(storage);
    await storage.put(key, Buffer.from(text));
    expect(await records.find(NAME, 0)).toBeUndefined();
  });
});
