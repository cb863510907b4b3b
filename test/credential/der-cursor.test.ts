import { describe, expect, it } from '@jest/globals';
import { DerCursor, TAG } from '../../src/credential/der-cursor.js';
import { octetString, sequence, smallInteger, TRUE } from '../support/der.js';

describe('a cursor over DER', () => {
  it('steps through elements, and into them', () => {
    const cursor = new DerCursor(
      Buffer.concat([sequence(TRUE, smallInteger(7)), octetString(Buffer.from('ab'))]),
    );
    const inner = cursor.enter(TAG.sequence);
    expect([inner.skipIf(TAG.integer), inner.skipIf(TAG.boolean)]).toEqual([false, true]);
    expect([...inner.enter(TAG.integer).octets()]).toEqual([7]);
    expect(inner.tag).toBeUndefined();
    inner.assertEnd();
    expect(cursor.enter(TAG.octetString).text()).toBe('ab');
    cursor.assertEnd();
  });

  it('reads lengths of one byte and more', () => {
    for (const length of [0, 127, 128, 255, 256, 65_535, 65_536]) {
      const cursor = new DerCursor(octetString(Buffer.alloc(length)));
      expect(cursor.enter(TAG.octetString).length).toBe(length);
    }
  });

  it.each<[string, number[]]>([
    ['nothing', []],
    ['another element', [0x02, 0x01, 0x01]],
    ['no length', [0x30]],
    ['half a length', [0x30, 0x82, 0x01]],
    ['a length that is indefinite', [0x30, 0x80, 0x00, 0x00]],
    ['a length of more than four bytes', [0x30, 0x85, 0x00, 0x00, 0x00, 0x00, 0x00]],
    ['more than there is', [0x30, 0x02, 0x00]],
  ])('refuses %s', (_, bytes) => {
    expect(() => new DerCursor(Buffer.from(bytes)).enter(TAG.sequence)).toThrow(RangeError);
  });

  it('never leaves the element that it is in', () => {
    const bytes = Buffer.concat([sequence(Buffer.from([0x04, 0x05, 1])), Buffer.alloc(10)]);
    const inner = new DerCursor(bytes).enter(TAG.sequence);
    expect(() => inner.enter(TAG.octetString)).toThrow(RangeError);
  });

  it('says what is left over', () => {
    expect(() => {
      new DerCursor(TRUE).assertEnd();
    }).toThrow(RangeError);
  });
});
