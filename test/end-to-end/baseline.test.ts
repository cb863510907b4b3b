// Mozilla's guideline 6.0, seen from outside by sslscan: every version and cipher that the server takes, and no others.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { createSecureServer, pemPair, type SecureServerOptions } from '../../src/index.js';
import { testCa, type TestCa } from '../support/certificates.js';
import { run, sClient } from '../support/clients.js';
import { closesAfterEach } from './support/cleanup.js';
import { portOf } from './support/connections.js';

const keep = closesAfterEach();
const TLS13 = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'];
const TLS12 = (kind: 'ECDSA' | 'RSA'): string[] => [
  `ECDHE-${kind}-AES128-GCM-SHA256`,
  `ECDHE-${kind}-AES256-GCM-SHA384`,
  `ECDHE-${kind}-CHACHA20-POLY1305`,
];
let ca: TestCa;

beforeAll(async () => {
  ca = await testCa();
});

async function served(
  options: SecureServerOptions,
  keyType: 'ecdsa-p256' | 'rsa-2048' = 'ecdsa-p256',
): Promise<number> {
  const sources = pemPair(await ca.issue({ names: ['a.test'], keyType }));
  const secure = createSecureServer({ sources, logger: false, ...options }, (_request, response) => {
    response.end();
  });
  await keep(secure).listen({ port: 0, host: '127.0.0.1' });
  return portOf(secure.server);
}

/** What sslscan finds: `TLSv1.2 ECDHE-…`, sorted, and the groups of key agreement. */
async function scan(port: number): Promise<{ ciphers: string[]; groups: string[]; text: string }> {
  const { stdout } = await run({
    program: 'sslscan',
    args: ['--no-colour', '--no-check-certificate', '--sni-name=a.test', `127.0.0.1:${port}`],
    timeLimitMs: 60_000,
  });
  const ciphers = [...stdout.matchAll(/^(?:Preferred|Accepted) +(TLSv1\.\d|SSLv\d) +\d+ bits +(\S+)/gm)];
  const groups = [...stdout.matchAll(/^TLSv1\.\d +\d+ bits +(\S+)/gm)];
  return {
    ciphers: ciphers.map(([, version, cipher]) => `${version ?? ''} ${cipher ?? ''}`).sort(),
    groups: [...new Set(groups.map(([, group]) => group ?? ''))],
    text: stdout,
  };
}

describe('tlsBaseline', () => {
  it.each(['ecdsa-p256', 'rsa-2048'] as const)(
    "'intermediate' takes these ciphers with %s, and no others",
    async (keyType) => {
      const { ciphers, groups, text } = await scan(await served({}, keyType));
      const kind = keyType === 'rsa-2048' ? 'RSA' : 'ECDSA';
      expect(ciphers).toEqual(
        [
          ...TLS12(kind).map((cipher) => `TLSv1.2 ${cipher}`),
          ...TLS13.map((cipher) => `TLSv1.3 ${cipher}`),
        ].sort(),
      );
      expect(groups.map((group) => group.toLowerCase()).sort()).toEqual(['secp256r1', 'secp384r1', 'x25519']);
      expect(text).toMatch(/TLSv1\.0 +disabled/);
      expect(text).toMatch(/TLSv1\.1 +disabled/);
      expect(text).toContain('Session renegotiation not supported');
      expect(text).toContain('Server supports TLS Fallback SCSV');
    },
  );

  it("'modern' takes TLS 1.3 only", async () => {
    const { ciphers } = await scan(await served({ tlsBaseline: 'modern' }));
    expect(ciphers).toEqual(TLS13.map((cipher) => `TLSv1.3 ${cipher}`).sort());
  });

  it.each(['ffdhe2048', 'P-521', 'X448', 'brainpoolP256r1'])(
    'takes no key agreement over %s',
    async (groups) => {
      const port = await served({});
      const request = { port, host: 'a.test', caPem: ca.rootPem };
      expect(await sClient({ ...request, groups })).toMatchObject({ isConnected: false });
      expect(await sClient({ ...request, groups: `${groups}:X25519` })).toMatchObject({ isConnected: true });
    },
  );
});
