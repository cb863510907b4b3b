import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:tls';
import { withWhereabouts, type WhereaboutsOptions } from '../../src/acme/whereabouts.js';
import { TlsmithError, type TlsmithErrorCode } from '../../src/errors.js';
import { testCa } from '../support/certificates.js';
import { askOnly, type DnsRecords, startDnsServer } from '../support/dns-server.js';

const endings: (() => unknown)[] = [];
const LISTENERS = [
  { protocol: 'https', address: '0.0.0.0', port: 8443 },
  { protocol: 'http', address: '::', port: 8080 },
] as const;

afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

async function asking(records: DnsRecords): Promise<void> {
  const server = await startDnsServer(records);
  endings.push(askOnly(server), () => server.stop());
}

interface Failed {
  readonly code: TlsmithErrorCode;
  readonly type?: string;
  readonly name?: string;
}

function failed({ code, type = 'tls-alpn-01', name = 'a.test' }: Failed): TlsmithError {
  const failures = [{ name, type, problem: { type: 'connection', detail: 'refused', subproblems: [] } }];
  return new TlsmithError(code, 'It was refused.', { hint: 'Open it.', names: [name], failures, cause: 7 });
}

async function explained(of: Failed, options: Partial<WhereaboutsOptions> = {}): Promise<TlsmithError> {
  const error = await withWhereabouts(failed(of), {
    ...{ listeners: LISTENERS, mayMeet: () => true, fingerprint256: undefined },
    ...{ signal: new AbortController().signal, ...options },
  });
  return error as TlsmithError;
}

/** Somebody else's TLS server. */
async function another(): Promise<{ readonly port: number; readonly server: Server }> {
  const { cert, key } = await (await testCa({ name: 'Balancer CA' })).issue({ names: ['lb.test'] });
  const server = createServer({ cert, key });
  server.on('tlsClientError', () => undefined);
  server.on('secureConnection', (socket) => socket.on('error', () => undefined).end());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  endings.push(() => once(server.close(), 'close'));
  return { server, port: (server.address() as AddressInfo).port };
}

describe('A failed challenge', () => {
  it('says where the name leads, what this machine has, and which port is to be forwarded', async () => {
    await asking({ 'a.test': { a: ['192.0.2.1'], aaaa: ['2001:db8::1'] } });
    const error = await explained({ code: 'ACME_CONNECTION' });
    expect(error).toMatchObject({ code: 'ACME_CONNECTION', names: ['a.test'], cause: 7 });
    expect(error.message).toMatch(
      /^It was refused\. Seen from here, a\.test leads to A 192\.0\.2\.1 and AAAA 2001:db8::1\. This machine has .*\. It listens for tls-alpn-01 at 0\.0\.0\.0:8443\.$/,
    );
    expect(error.hint).toMatch(
      /^Open it\. Validators come to port 443: it must lead to port 8443 of this server\. /,
    );
    expect(error.hint).toContain('2001:db8::1 is no address of this machine');
  });

  it('of http-01 is told of by port 80 and the companion listener', async () => {
    await asking({ 'a.test': { a: ['192.0.2.1'] } });
    const error = await explained({ code: 'ACME_CHALLENGE_FAILED', type: 'http-01' });
    expect(error.message).toContain('It listens for http-01 at [::]:8080.');
    expect(error.hint).toBe('Open it. Validators come to port 80: it must lead to port 8080 of this server.');
  });

  it('of a name that leads nowhere says so, and that of one that DNS fails for says nothing', async () => {
    await asking({ 'broken.test': 'fails' });
    expect((await explained({ code: 'ACME_DNS' })).message).toContain('a.test leads to no address.');
    const unknown = await explained({ code: 'ACME_DNS', name: 'broken.test' });
    expect(unknown.message).not.toContain('broken.test');
  });

  it('with no listener that could have answered says so, and where the ports are right there is no hint of them', async () => {
    await asking({ 'a.test': { a: ['192.0.2.1'] } });
    const none = await explained({ code: 'ACME_CONNECTION' }, { listeners: [] });
    expect(none.message).toContain('No listener for tls-alpn-01 is known of.');
    expect(none.hint).toBe('Open it.');
    const right = [{ protocol: 'https', address: '::', port: 443 }] as const;
    expect((await explained({ code: 'ACME_CONNECTION' }, { listeners: right })).hint).toBe('Open it.');
  });

  it('that met another server says whose certificate that has', async () => {
    await asking({ 'a.test': { a: ['127.0.0.1'] } });
    const { port } = await another();
    const error = await explained({ code: 'ACME_ALPN_INTERCEPTED' }, { port });
    expect(error.message).toContain(
      `At 127.0.0.1 port ${port} a certificate of lb.test, issued by Balancer CA`,
    );
  });

  it('looks at nobody whom it may not look at, and is quiet where nobody answers', async () => {
    await asking({ 'a.test': { a: ['127.0.0.1'] } });
    const { port, server } = await another();
    let connections = 0;
    server.on('connection', () => (connections += 1));
    const kept = await explained({ code: 'ACME_ALPN_INTERCEPTED' }, { port, mayMeet: () => false });
    expect(kept.message).not.toContain('is met');
    const other = await explained({ code: 'ACME_CONNECTION' }, { port });
    expect(other.message).not.toContain('is met');
    expect(connections).toBe(0);
    expect((await explained({ code: 'ACME_ALPN_INTERCEPTED' }, { port: 1 })).message).not.toContain('is met');
  });

  it.each([
    ['of dns-01', failed({ code: 'ACME_CHALLENGE_FAILED', type: 'dns-01' })],
    ['of another kind', failed({ code: 'ACME_CAA' })],
    ['that is none of ours', new Error('something else')],
    ['without failures', new TlsmithError('ACME_DNS', 'as the directory says')],
  ])('%s is left as it is', async (_, error) => {
    const options = { listeners: LISTENERS, mayMeet: () => true, fingerprint256: undefined };
    expect(await withWhereabouts(error, { ...options, signal: new AbortController().signal })).toBe(error);
  });
});
