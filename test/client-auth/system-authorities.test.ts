import { describe, expect, it } from '@jest/globals';
import { isTlsmithError } from '../../src/errors.js';
import { systemAuthorities } from '../../src/client-auth/system-authorities.js';

function refusalOf(...args: Parameters<typeof systemAuthorities>): unknown {
  try {
    return systemAuthorities(...args);
  } catch (error) {
    return isTlsmithError(error) ? error : undefined;
  }
}

describe('the authorities of the system', () => {
  it('are each given once', () => {
    expect(systemAuthorities(() => ['a', 'b', 'a'])).toEqual(['a', 'b']);
  });

  it('that are none are refused: nobody could be verified', () => {
    expect(refusalOf(() => [])).toMatchObject({
      code: 'CLIENT_CA_SYSTEM_UNAVAILABLE',
      message: expect.stringContaining('is empty') as unknown,
    });
  });

  it('are read where this Node can, and where it cannot the error says which can', () => {
    const found = refusalOf();
    if ('getCACertificates' in process.getBuiltinModule('node:tls')) {
      expect(found).toEqual(expect.arrayContaining([expect.stringContaining('BEGIN CERTIFICATE')]));
      return;
    }
    expect(found).toMatchObject({
      code: 'CLIENT_CA_SYSTEM_UNAVAILABLE',
      message: expect.stringContaining(`Node ${process.version} cannot`) as unknown,
      hint: expect.stringContaining('since 22.15 and 24.0') as unknown,
    });
  });
});
