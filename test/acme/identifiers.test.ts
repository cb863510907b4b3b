// Names as they are ordered, and as validators ask for them.
import { describe, expect, it } from '@jest/globals';
import { identifierOf, validatorServerName } from '../../src/acme/identifiers.js';

describe('A name', () => {
  it('is ordered as what it is', () => {
    expect(identifierOf('a.test')).toEqual({ type: 'dns', value: 'a.test' });
    expect(identifierOf('192.0.2.1')).toEqual({ type: 'ip', value: '192.0.2.1' });
    expect(identifierOf('2001:db8::1')).toEqual({ type: 'ip', value: '2001:db8::1' });
  });

  // The addresses of RFC 8738 §6.
  it.each([
    ['a.test', 'a.test'],
    ['192.0.2.1', '1.2.0.192.in-addr.arpa'],
    ['2001:db8::1', '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa'],
    ['::1', `1.${'0.'.repeat(31)}ip6.arpa`],
    ['1:2:3:4:5:6:7:8', '8.0.0.0.7.0.0.0.6.0.0.0.5.0.0.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.ip6.arpa'],
  ])('%s is asked for as %s', (name, expected) => {
    expect(validatorServerName(identifierOf(name))).toBe(expected);
  });
});
