import { describe, expect, it } from '@jest/globals';
import { AddressList, isNetwork } from '../src/address-list.js';

describe('A list of addresses', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1', '192.0.2.2'],
    ['192.0.2.1/32', '192.0.2.1', '192.0.2.0'],
    ['172.16.0.0/24', '172.16.0.255', '172.16.1.0'],
    ['10.1.2.3/8', '10.255.0.1', '11.0.0.0'],
    ['0.0.0.0/0', '8.8.8.8', '::1'],
    ['fd00::/8', 'fdff::1', 'fe00::1'],
    ['::1', '::1', '::2'],
    ['::/0', '2001:db8::1', '8.8.8.8'],
    ['2001:db8::/33', '2001:db8:7fff::1', '2001:db8:8000::1'],
    ['::ffff:192.0.2.0/120', '192.0.2.7', '192.0.3.7'],
    ['::ffff:192.0.2.1', '192.0.2.1', '192.0.2.2'],
  ])('%s has %s and not %s', (network, inside, outside) => {
    const list = new AddressList(['203.0.113.9', network]);
    expect(list.has(inside)).toBe(true);
    expect(list.has(outside)).toBe(false);
  });

  it('has an IPv4 address also as a dual-stack socket shows it', () => {
    const list = new AddressList(['192.0.2.0/24']);
    expect(list.has('::ffff:192.0.2.1')).toBe(true);
    expect(list.has('::ffff:192.0.3.1')).toBe(false);
  });

  it('has an address on whatever interface it is', () => {
    expect(new AddressList(['fe80::/10']).has('fe80::1%eth0')).toBe(true);
  });

  it('does not have what has no address', () => {
    expect(new AddressList(['0.0.0.0/0', '::/0']).has(undefined)).toBe(false);
  });

  it.each([
    ...['', 'localhost', '10.0.0', '010.0.0.1', '10.0.0.0/', '10.0.0.0/33', '10.0.0.0/08', '10.0.0.0/ 8'],
    ...['10.0.0.0/8/8', '::/129', 'fe80::1%eth0', '10.0.0.0-10.0.0.9', '::ffff:10.0.0.0/8', ' 10.0.0.1'],
  ])('is not made of %j', (text) => {
    expect(isNetwork(text)).toBe(false);
  });
});
