// Two authorities that have nothing in common, Pebble and Caddy's, in one network: one to fall back to, and one to change
// to. Both validate on the real port 443.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFile, writeFile } from 'node:fs/promises';
import { type CaddyAuthority, startCaddyAuthority } from '../support/caddy-authority.js';
import { run } from '../support/clients.js';
import { type Pebble, type PebblePorts, startPebble } from '../support/pebble.js';
import { folderPerTest } from '../support/folder-per-test.js';
import { acmeProcess, type AcmeProcess, type AcmeProcessOptions } from './support/acme-processes.js';
import { closesAfterEach } from './support/cleanup.js';

const [NAME, BLOCKED] = ['shop.test', 'blocked.test'];
/** Nobody else is in that network. */
const PORTS: PebblePorts = {
  ...{ acme: 14_000, management: 15_000, dns: 8_053, dnsManagement: 8_055 },
  ...{ tls: 443, http: 80 },
};
const keep = closesAfterEach();
let caddy: CaddyAuthority;
let pebble: Pebble;

beforeAll(async () => {
  caddy = await startCaddyAuthority([NAME, BLOCKED]);
  pebble = await runningPebble();
});

afterAll(async () => {
  await pebble.stop();
  await caddy.stop();
});

const folder = folderPerTest();

function runningPebble(): Promise<Pebble> {
  return startPebble({ inside: caddy.inside, ports: PORTS, blockedNames: [BLOCKED] });
}

type Given = Pick<AcmeProcessOptions, 'domains' | 'fallback' | 'options'>;

/** A server for one of the two, with the storage of this test. */
function serving(authority: CaddyAuthority | Pebble, given: Given): Promise<AcmeProcess> {
  const { directoryUrl, serverCaFile } = authority;
  return acmeProcess({
    ...{ keep, pebble: { directoryUrl, serverCaFile, tlsPort: 443 }, wrapper: caddy.inside },
    ...{ storage: folder.file('storage'), ...given },
  });
}

function fallback(): Pick<AcmeProcessOptions, 'fallback'> {
  const { directoryUrl, serverCaFile } = caddy;
  return { fallback: { directoryUrl, serverCaFile } };
}

/** Who has issued what openssl is shown there, which has to be trusted by a client that knows both. */
async function issuer(servername: string): Promise<'pebble' | 'caddy'> {
  const roots = folder.file('roots.pem');
  const pems = [await pebble.rootPem(), await readFile(caddy.serverCaFile, 'utf8')];
  await writeFile(roots, pems.join('\n'));
  const client = ['openssl', 's_client', '-connect', '127.0.0.1:443', '-servername', servername];
  const [program, ...args] = [...caddy.inside, ...client, '-CAfile', roots, '-verify_return_error'];
  const { stdout } = await run({ program, args, input: '' });
  expect(stdout).toContain('Verify return code: 0 (ok)');
  return /issuer=.*Caddy/i.test(stdout) ? 'caddy' : 'pebble';
}

describe('A second authority', () => {
  it('issues at once what the first refuses for good, also at the renewal', async () => {
    const made = await serving(pebble, { domains: BLOCKED, ...fallback() });
    const first = await made.told(({ action }) => action === 'issued');
    expect(await issuer(BLOCKED)).toBe('caddy');
    made.say(`renew ${BLOCKED}`);
    const second = await made.told(({ action }) => action === 'renewed');
    expect(second.serialNumber).not.toBe(first.serialNumber);
    expect(await issuer(BLOCKED)).toBe('caddy');
    expect(made.lines.filter(({ event }) => event === 'failed')).toEqual([]);
    expect(pebble.orders()).toBe(0);
  });

  // Caddy's certificates live for half a day, and begin before those of Pebble that they replace here.
  it('steps in at the third failure in a row of one that is down', async () => {
    const made = await serving(pebble, { domains: NAME, ...fallback() });
    await made.told(({ action }) => action === 'issued');
    expect(await issuer(NAME)).toBe('pebble');
    const failures = (): number => made.lines.filter(({ event }) => event === 'failed').length;
    const renewals = (): number => made.lines.filter(({ action }) => action === 'renewed').length;
    await pebble.stop();
    for (const count of [1, 2]) {
      made.say(`renew ${NAME}`);
      await made.told(({ code }) => code === 'ACME_UNREACHABLE' && failures() === count);
    }
    made.say(`renew ${NAME}`);
    await made.told(() => renewals() === 1);
    expect(failures()).toBe(2);
    // It makes another root whenever it starts.
    pebble = await runningPebble();
    expect(await issuer(NAME)).toBe('caddy');
  });
});

describe('An authority that is changed', () => {
  it('leaves the certificate of the one before in use until it has issued, without a gap', async () => {
    const before = await serving(pebble, { domains: NAME });
    const first = await before.told(({ action }) => action === 'issued');
    expect(await issuer(NAME)).toBe('pebble');
    await before.kill();
    const after = await serving(caddy, { domains: NAME });
    const seen: string[] = [];
    while (seen.at(-1) !== 'caddy' && seen.length < 200) seen.push(await issuer(NAME));
    expect(seen.at(-1)).toBe('caddy');
    const certificates = after.lines.filter(({ event }) => event === 'certificate');
    expect(certificates.map(({ action }) => action)).toEqual(['loaded', 'renewed']);
    expect(certificates[0]?.serialNumber).toBe(first.serialNumber);
    expect(after.lines.filter(({ event }) => event === 'failed')).toEqual([]);
    // And after a restart there is nothing to do.
    await after.kill();
    const again = await serving(caddy, { domains: NAME });
    expect(await again.told(({ event }) => event === 'certificate')).toMatchObject({
      action: 'loaded',
      serialNumber: certificates[1]?.serialNumber,
    });
    expect(await issuer(NAME)).toBe('caddy');
  });
});
