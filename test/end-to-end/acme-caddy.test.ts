// acme() with another certificate authority than Pebble: Caddy's, on the real ports 443 and 80.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type CaddyAuthority, startCaddyAuthority } from '../support/caddy-authority.js';
import { run } from '../support/clients.js';
import { type TemporaryFolder, withTemporaryFolder } from '../support/temporary-folder.js';
import { acmeProcess, type AcmeProcess, type AcmeProcessOptions } from './support/acme-processes.js';
import { closesAfterEach } from './support/cleanup.js';

const NAMES = ['shop.test', 'www.shop.test', 'other.test'];
const HOUR_MS = 3_600_000;
const keep = closesAfterEach();
let caddy: CaddyAuthority;

beforeAll(async () => {
  caddy = await startCaddyAuthority(NAMES);
});

afterAll(async () => {
  await caddy.stop();
});

type Given = Pick<AcmeProcessOptions, 'domains' | 'options' | 'httpPort'>;

async function serving(folder: TemporaryFolder, given: Given): Promise<AcmeProcess> {
  const { inside, directoryUrl, serverCaFile } = caddy;
  const pebble = { directoryUrl, serverCaFile, tlsPort: 443 };
  const storage = folder.file('storage');
  const made = await acmeProcess({ keep, pebble, storage, wrapper: inside, ...given });
  await made.told(({ event }) => event === 'certificate' || event === 'failed');
  return made;
}

interface Served {
  readonly isTrusted: boolean;
  readonly names: string;
  readonly subject: string;
  readonly leftMs: number;
  readonly serial: string;
}

/** What openssl sees in that network, which trusts this authority alone. */
async function served(servername: string): Promise<Served> {
  const sni = /^[\d.]+$/.test(servername) ? ['-noservername'] : ['-servername', servername];
  const client = ['openssl', 's_client', '-connect', '127.0.0.1:443', ...sni, '-CAfile', caddy.serverCaFile];
  const { stdout: handshake } = await inNetwork([...client, '-verify_return_error']);
  const pem = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.exec(handshake)?.[0] ?? '';
  const facts = ['-noout', '-subject', '-enddate', '-serial', '-ext', 'subjectAltName'];
  const { stdout } = await run({ program: 'openssl', args: ['x509', ...facts], input: pem });
  return {
    isTrusted: handshake.includes('Verify return code: 0 (ok)'),
    names: / +((?:DNS|IP Address):.*)/.exec(stdout)?.[1] ?? '',
    subject: /^subject=(.*)$/m.exec(stdout)?.[1] ?? '-',
    leftMs: Date.parse(/^notAfter=(.*)$/m.exec(stdout)?.[1] ?? '') - Date.now(),
    serial: /^serial=(.*)$/m.exec(stdout)?.[1] ?? '',
  };
}

function inNetwork(command: readonly string[]): Promise<{ readonly stdout: string }> {
  const [program = '', ...args] = [...caddy.inside, ...command];
  return run({ program, args, input: '' });
}

describe('Caddy’s certificate authority', () => {
  it('issues by tls-alpn-01: one certificate for two names, and one for an address', () =>
    withTemporaryFolder(async (folder) => {
      const made = await serving(folder, { domains: [['shop.test', 'www.shop.test'], '127.0.0.1'] });
      await made.told(({ names }) => names?.includes('shop.test') === true);
      await made.told(({ names }) => names?.includes('127.0.0.1') === true);
      expect(made.lines.filter(({ event }) => event === 'failed')).toEqual([]);
      const one = await served('shop.test');
      expect(one).toMatchObject({ isTrusted: true, names: 'DNS:shop.test, DNS:www.shop.test' });
      expect(await served('www.shop.test')).toMatchObject({ serial: one.serial });
      expect(await served('127.0.0.1')).toMatchObject({ isTrusted: true, names: 'IP Address:127.0.0.1' });
    }));

  it('issues by http-01 through the companion listener, with an end of validity that is asked for', () =>
    withTemporaryFolder(async (folder) => {
      const options = { challenges: ['http-01'], lifetimeMs: HOUR_MS } as const;
      const made = await serving(folder, { domains: 'other.test', options, httpPort: 80 });
      expect(made.lines.filter(({ event }) => event === 'failed')).toEqual([]);
      const { isTrusted, leftMs } = await served('other.test');
      expect(isTrusted).toBe(true);
      expect(leftMs).toBeGreaterThan(HOUR_MS / 2);
      expect(leftMs).toBeLessThanOrEqual(HOUR_MS);
    }));

  it('renews, without the renewal information and the profiles it does not have', () =>
    withTemporaryFolder(async (folder) => {
      const made = await serving(folder, { domains: 'shop.test', options: { profile: 'shortlived' } });
      const before = await served('shop.test');
      made.say('renew shop.test');
      await made.told(({ action }) => action === 'renewed');
      const after = await served('shop.test');
      expect(after).toMatchObject({ isTrusted: true, names: 'DNS:shop.test' });
      expect(after.serial).not.toBe(before.serial);
      expect(made.lines.filter(({ event }) => event === 'failed')).toEqual([]);
      expect(made.lines.map(({ code }) => code)).toContain('ACME_PROFILE_UNAVAILABLE');
    }));
});
