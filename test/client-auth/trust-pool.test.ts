// Authorities and revocation lists while a server runs: how their files may be replaced, and what is told ahead of time.
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import type { ClientAuthSettings } from '../../src/client-auth/client-auth-options.js';
import { TrustPool } from '../../src/client-auth/trust-pool.js';
import { type Clock, systemClock } from '../../src/clock.js';
import type { Finding } from '../../src/credential/findings.js';
import type { ClientTrust } from '../../src/handshake/policies.js';
import { mayMount, withMounts } from '../sources/support/mounting.js';
import { type ClientAuthority, clientAuthority } from '../support/client-authority.js';
import { manualClock } from '../support/manual-clock.js';
import { withTemporaryFolder } from '../support/temporary-folder.js';
import { until } from '../support/until.js';

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const pools: TrustPool[] = [];
let friends: ClientAuthority;
let others: ClientAuthority;

beforeAll(async () => {
  [friends, others] = await Promise.all([clientAuthority('Friends'), clientAuthority('Others')]);
});

afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()));
});

interface Watched {
  readonly pool: TrustPool;
  /** As last adopted. */
  readonly trust: () => ClientTrust | undefined;
  /** Those that hold. */
  readonly findings: Finding[];
}

async function watched(settings: Partial<ClientAuthSettings>, clock: Clock = systemClock): Promise<Watched> {
  const findings: Finding[] = [];
  let trust: ClientTrust | undefined;
  const pool = new TrustPool({
    settings: {
      ...{
        isRequired: true,
        ca: [],
        trustsSystem: false,
        caFiles: [],
        crl: [],
        crlFiles: [],
        allow: undefined,
      },
      ...settings,
    },
    clock,
    origin: 'clientAuth of a.test',
    adopt: (latest) => (trust = latest),
    report: (finding) => findings.push(finding),
    resolved: (code) => {
      for (const finding of findings.filter((one) => one.code === code))
        findings.splice(findings.indexOf(finding), 1);
    },
  });
  pools.push(pool);
  await pool.start();
  return { pool, trust: () => trust, findings };
}

describe('the files of client authentication', () => {
  it.each(['caFiles', 'crlFiles'] as const)(
    '%s are read again when they are renamed over, time after time',
    async (kind) => {
      await withTemporaryFolder(async (folder) => {
        const path = folder.file('trust.pem');
        const textOf = (of: ClientAuthority): string =>
          kind === 'caFiles' ? of.pem : of.revocationList(['0a']);
        await writeFile(path, textOf(friends));
        const { trust } = await watched({ [kind]: [path] });
        for (const authority of [others, friends, others]) {
          const text = textOf(authority);
          await writeFile(`${path}.new`, text);
          await rename(`${path}.new`, path);
          await until(
            () => [...(trust()?.ca ?? []), ...(trust()?.crl ?? [])].join('').trim() === text.trim(),
            'the new file',
          );
        }
      });
    },
  );

  it('are read again when Kubernetes has swapped the secret that holds them', async () => {
    await withTemporaryFolder(async (folder) => {
      const deploy = async (version: string, authority: ClientAuthority): Promise<void> => {
        await mkdir(folder.file(`..${version}`));
        await writeFile(folder.file(`..${version}`, 'ca.crt'), authority.pem);
        await writeFile(folder.file(`..${version}`, 'crl.pem'), authority.revocationList([]));
        await symlink(`..${version}`, folder.file('..data_tmp'));
        await rename(folder.file('..data_tmp'), folder.file('..data'));
      };
      await deploy('1', friends);
      for (const name of ['ca.crt', 'crl.pem']) await symlink(`..data/${name}`, folder.file(name));
      const { trust, findings } = await watched({
        caFiles: [folder.file('ca.crt')],
        crlFiles: [folder.file('crl.pem')],
      });
      for (const [version, authority] of [
        ['2', others],
        ['3', friends],
      ] as const) {
        await deploy(version, authority);
        await rm(folder.file(`..${Number(version) - 1}`), { recursive: true });
        await until(() => trust()?.ca.join('').trim() === authority.pem.trim(), 'the new authority');
      }
      expect(findings).toEqual([]);
    });
  });

  (mayMount ? it : it.skip)(
    'that are mounted one by one are told of: replacements would not be seen',
    async () => {
      await withMounts(async (folder, mount) => {
        await writeFile(folder.file('source.pem'), friends.pem);
        await writeFile(folder.file('ca.pem'), '');
        await mount('--bind', folder.file('source.pem'), folder.file('ca.pem'));
        const { findings } = await watched({ caFiles: [folder.file('ca.pem')], ca: [others.pem] });
        expect(findings).toMatchObject([
          {
            code: 'WATCH_UNSUPPORTED',
            message: expect.stringContaining(`${folder.file('ca.pem')} is mounted`),
          },
        ]);
      });
    },
  );
});

describe('a revocation list', () => {
  it('that has a sixth of its time left is told of, then that nobody is accepted, and a new one takes both back', async () => {
    await withTemporaryFolder(async (folder) => {
      const clock = manualClock();
      const thisUpdate = clock.now();
      const crlFile = folder.file('crl.pem');
      await writeFile(
        crlFile,
        friends.revocationList([], { thisUpdate, nextUpdate: thisUpdate + 6 * MINUTE_MS }),
      );
      const { pool, findings } = await watched({ ca: [friends.pem], crlFiles: [crlFile] }, clock);
      await clock.advance(5 * MINUTE_MS - 10_000);
      expect(findings).toEqual([]);
      await clock.advance(20_000);
      expect(findings).toMatchObject([
        {
          code: 'CLIENT_CRL_EXPIRING',
          severity: 'warning',
          message: expect.stringContaining(
            'clientAuth of a.test: the revocation list of Friends is out of date at ',
          ),
          hint: expect.stringContaining('crlFile'),
        },
      ]);
      await clock.advance(MINUTE_MS);
      expect(findings).toMatchObject([{ code: 'CLIENT_CRL_UNUSABLE', severity: 'error' }]);
      await writeFile(
        crlFile,
        friends.revocationList([], { thisUpdate: clock.now(), nextUpdate: clock.now() + DAY_MS }),
      );
      await pool.reload();
      expect(findings).toEqual([]);
      await pool.close();
      expect(clock.pendingTimers).toBe(0);
    });
  });

  it('counts no more when a later one of the same authority is there, however large they are', async () => {
    const clock = manualClock();
    const [thisUpdate, serials] = [
      clock.now(),
      Array.from({ length: 5_000 }, (_, index) => (100_000 + index).toString()),
    ];
    const list = (days: number): string =>
      friends.revocationList(serials, { thisUpdate, nextUpdate: thisUpdate + days * DAY_MS });
    expect(list(1).length).toBeGreaterThan(65_536);
    const { findings } = await watched({ ca: [friends.pem], crl: [list(1) + list(9) + list(2)] }, clock);
    await clock.advance(2 * DAY_MS);
    expect(findings).toEqual([]);
    await clock.advance(6 * DAY_MS);
    expect(findings).toMatchObject([{ code: 'CLIENT_CRL_EXPIRING' }]);
  });
});

describe('an authority of clients', () => {
  it('that runs out is told of thirty days ahead, and when it has', async () => {
    const clock = manualClock();
    const [now, YEAR_MS] = [clock.now(), 365 * DAY_MS];
    const old = await clientAuthority('Old', { notBefore: now, notAfter: now + YEAR_MS });
    const young = await clientAuthority('Young', { notBefore: now, notAfter: now + 10 * YEAR_MS });
    const { pool, findings } = await watched({ ca: [old.pem + young.pem] }, clock);
    await clock.advance(YEAR_MS - 31 * DAY_MS);
    expect(findings).toEqual([]);
    await clock.advance(2 * DAY_MS);
    expect(findings).toMatchObject([
      {
        code: 'CLIENT_CA_EXPIRING',
        severity: 'warning',
        message: expect.stringContaining('the authority CN=Old is'),
      },
    ]);
    await clock.advance(30 * DAY_MS);
    expect(findings).toMatchObject([{ code: 'CLIENT_CA_EXPIRED', severity: 'error' }]);
    await pool.close();
    expect(clock.pendingTimers).toBe(0);
  });
});
