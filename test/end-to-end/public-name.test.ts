// The name that clients use, as publicUrl says it, and certificates that cover it or do not.
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  createSecureServer,
  directory,
  fromFunction,
  pemPair,
  type SecureServer,
  type SecureServerOptions,
  selfSigned,
} from '../../src/index.js';
import { testCa, type TestCa } from '../support/certificates.js';
import { withTemporaryFolder } from '../support/temporary-folder.js';
import { until } from '../support/until.js';

let ca: TestCa;
let secure: SecureServer;
beforeAll(async () => {
  ca = await testCa();
});
afterEach(() => secure.close());

function server(options: SecureServerOptions): SecureServer {
  secure = createSecureServer(
    { logger: false, publicUrl: 'https://www.a.test:8443', ...options },
    () => undefined,
  );
  return secure;
}

describe('the name in publicUrl', () => {
  it('that no certificate covers is told, with the names there are', async () => {
    const pair = await ca.issue({ names: ['a.test', '*.www.a.test'] });
    await server({ sources: pemPair(pair) }).start();
    expect(secure.status().findings).toMatchObject([
      {
        code: 'TLS_NAME_MISMATCH',
        severity: 'warning',
        names: ['www.a.test'],
        message:
          'Clients come by publicUrl to www.a.test, and no certificate covers that name; there are: a.test, *.www.a.test.',
        hint: expect.stringContaining('subjectAltName'),
      },
    ]);
  });

  it('that no certificate covers keeps a strict server from starting', async () => {
    const sources = pemPair(await ca.issue({ names: ['a.test'] }));
    await expect(server({ sources, strict: true }).start()).rejects.toMatchObject({
      code: 'TLS_NAME_MISMATCH',
    });
  });

  it.each([['www.a.test'], ['*.a.test']])('is covered by %s, and nothing is told', async (name) => {
    await server({ sources: pemPair(await ca.issue({ names: [name] })), strict: true }).start();
    expect(secure.status().findings).toEqual([]);
  });

  it('that a function or an issuer may still have is not told', async () => {
    const pair = await ca.issue({ names: ['a.test'] });
    for (const other of [fromFunction(() => undefined), selfSigned({ names: ['b.test'] })]) {
      await server({ sources: [pemPair(pair), other] }).start();
      expect(secure.status().findings).toEqual([]);
      await secure.close();
    }
  });

  it('is told of a folder once it has been read, and taken back when its certificate comes', async () => {
    await withTemporaryFolder(async ({ path }) => {
      await (await ca.issue({ names: ['a.test'] })).writeTo(path, 'a.test');
      await server({ sources: directory(path) }).start();
      const codes = (): string[] => secure.status().findings.map(({ code }) => code);
      await until(() => codes().length > 0, 'the finding');
      expect(codes()).toEqual(['TLS_NAME_MISMATCH']);
      expect(secure.status().findings[0]?.message).toContain(
        `there are: a.test; looked in ${path} for www.a.test.crt, `,
      );
      await (await ca.issue({ names: ['www.a.test'] })).writeTo(path, 'www.a.test');
      await secure.reload();
      await until(() => codes().length === 0, 'the finding to be taken back');
      await secure.close();
    });
  });
});
