import { describe, expect, it } from '@jest/globals';
import { crc32c } from '../../src/admission/crc32c.js';

describe('CRC-32C', () => {
  // RFC 3720 appendix B.4.
  it.each([
    ['32 zeros', Buffer.alloc(32), 0x8a9136aa],
    ['32 ones', Buffer.alloc(32, 0xff), 0x62a8ab43],
    ['ascending bytes', Buffer.from(Array.from({ length: 32 }, (_, index) => index)), 0x46dd794e],
    ['the usual check', Buffer.from('123456789'), 0xe3069283],
  ])('of %s is the one in the RFCs', (_, bytes, expected) => {
    expect(crc32c(bytes)).toBe(expected);
  });
});
