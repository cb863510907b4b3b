import { afterEach, describe, expect, it } from '@jest/globals';
import { isIP } from 'node:net';
import { addressesOf, ownAddresses } from '../../src/acme/name-addresses.js';
import { askOnly, type DnsRecords, type DnsServer, startDnsServer } from '../support/dns-server.js';
import { until } from '../support/until.js';

const never = new AbortController().signal;
const endings: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

async function asking(records: DnsRecords): Promise<DnsServer> {
  const server = await startDnsServer(records);
  endings.push(askOnly(server), () => server.stop());
  return server;
}

describe('The addresses of a name', () => {
  it('are those of its A and AAAA records', async () => {
    await asking({ 'both.test': { a: ['192.0.2.1', '192.0.2.2'], aaaa: ['2001:db8::1'] } });
    expect(await addressesOf('both.test', never)).toEqual({
      ipv4: ['192.0.2.1', '192.0.2.2'],
      ipv6: ['2001:db8::1'],
    });
  });

  it('are none where there are no records, and where there is no such name', async () => {
    await asking({ 'four.test': { a: ['192.0.2.1'] } });
    expect(await addressesOf('four.test', never)).toEqual({ ipv4: ['192.0.2.1'], ipv6: [] });
    expect(await addressesOf('none.test', never)).toEqual({ ipv4: [], ipv6: [] });
  });

  it('are not those of the hosts file, which authorities do not see', async () => {
    await asking({});
    expect(await addressesOf('localhost.localdomain', never)).toEqual({ ipv4: [], ipv6: [] });
  });

  it('are unknown where DNS fails', async () => {
    await asking({ 'broken.test': 'fails' });
    expect(await addressesOf('broken.test', never)).toEqual({ ipv4: undefined, ipv6: undefined });
  });

  it('are unknown when nobody waits for them any more', async () => {
    const server = await asking({ 'silent.test': 'silent' });
    const controller = new AbortController();
    const addresses = addressesOf('silent.test', controller.signal);
    await until(() => server.asked.length > 0);
    controller.abort();
    expect(await addresses).toEqual({ ipv4: undefined, ipv6: undefined });
    expect(await addressesOf('silent.test', controller.signal)).toEqual(await addresses);
  });
});

it('The addresses of this machine are neither loopback nor link-local', () => {
  const addresses = ownAddresses();
  expect(addresses.every((address) => isIP(address) !== 0)).toBe(true);
  expect(addresses.filter((address) => /^(?:127\.|::1$|fe80:)/.test(address))).toEqual([]);
});
