// Certificates as files for other programs: what they hold, when they change, and a hook that may do what it likes.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { X509Certificate } from 'node:crypto';
import { execFile } from 'node:child_process';
import { chmod, lstat, readdir, readFile, rename, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { createSecureContext } from 'node:tls';
import { type Credential, createCredential } from '../../src/credential/credential.js';
import { CertificateExports } from '../../src/issuance/certificate-exports.js';
import {
  type ExportedCertificate,
  type ExportOptions,
  parseExport,
} from '../../src/issuance/export-options.js';
import { memoryStorage } from '../../src/storage/memory-storage.js';
import type { Storage } from '../../src/storage/storage.js';
import { testCa } from '../support/certificates.js';
import { type ManualClock, manualClock, settled } from '../support/manual-clock.js';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.js';
import { until } from '../support/until.js';
import { faultyStorage } from './support/faulty-storage.js';
import { type RecordingHost, recordingHost } from './support/source-host.js';

const MINUTE_MS = 60_000;
const NAMES = ['a.test'];

let folder: TemporaryFolder;
let clock: ManualClock;
let storage: Storage;
const open: CertificateExports[] = [];

beforeEach(async () => {
  folder = await temporaryFolder();
  clock = manualClock();
  storage = memoryStorage();
});

afterEach(async () => {
  for (const made of open.splice(0)) await made.close();
  expect(clock.pendingTimers).toBe(0);
  await folder.remove();
});

/** One process with these options, on the storage of all. */
function process_(options: ExportOptions): { exports: CertificateExports; host: RecordingHost } {
  const host = recordingHost({ clock, storage });
  const parsed = parseExport(options, { mayBeMany: false })!;
  const tools = { options: parsed, host, storage, issuerId: 'acme-ca.test-1', sourceName: 'acme' };
  const exports = new CertificateExports(tools);
  open.push(exports);
  return { exports, host };
}

async function issued(names: readonly string[] = NAMES): Promise<Credential> {
  return createCredential(await (await testCa()).issue({ names }));
}

function allFiles(): Required<Pick<ExportOptions, 'certFile' | 'keyFile' | 'chainFile' | 'bundleFile'>> {
  return {
    certFile: folder.file('fullchain.pem'),
    keyFile: folder.file('privkey.pem'),
    chainFile: folder.file('chain.pem'),
    bundleFile: folder.file('haproxy.pem'),
  };
}

async function written(path: string, content: string): Promise<void> {
  await until(async () => (await readFile(path, 'utf8').catch(() => '')) === content, path);
}

/** A hook that writes down what it is told. */
function recording(answer: (count: number) => void | Promise<void> = () => undefined): {
  calls: ExportedCertificate[];
  hook: (exported: ExportedCertificate) => void | Promise<void>;
} {
  const calls: ExportedCertificate[] = [];
  return {
    calls,
    hook: (exported) => {
      calls.push(exported);
      return answer(calls.length);
    },
  };
}

describe('The files', () => {
  it('hold what other programs read, the key for nobody else', async () => {
    const files = allFiles();
    const { calls, hook } = recording();
    const { exports } = process_({ ...files, hook });
    const credential = await issued();
    exports.served(NAMES, credential);
    await until(() => calls.length > 0);
    const [leaf = '', intermediate = ''] = credential.cert.split(/(?<=-----END CERTIFICATE-----\n)/);
    expect(await readFile(files.certFile, 'utf8')).toBe(credential.cert);
    expect(await readFile(files.keyFile, 'utf8')).toBe(credential.key);
    expect(await readFile(files.chainFile, 'utf8')).toBe(intermediate);
    expect(await readFile(files.bundleFile, 'utf8')).toBe(`${credential.key}${leaf}${intermediate}`);
    expect(new X509Certificate(intermediate).ca).toBe(true);
    const modes = await Promise.all(
      Object.values(files).map(async (path) => (await stat(path)).mode & 0o777),
    );
    expect(modes.map((mode) => mode.toString(8))).toEqual(['644', '600', '644', '600']);
    expect(calls).toEqual([
      {
        ...{ names: NAMES, serialNumber: credential.serialNumber, fingerprint256: credential.fingerprint256 },
        ...{ notAfter: new Date(credential.notAfter), ...files, signal: expect.any(AbortSignal) },
      },
    ]);
    expect(await readdir(folder.path)).toHaveLength(4);
  });

  it('have the mode that is asked for, and their folder lets in whom the key is for', async () => {
    const keyFile = folder.file('new', 'deep', 'key.pem');
    const { exports } = process_({ keyFile, mode: 0o640 });
    const credential = await issued();
    exports.served(NAMES, credential);
    await written(keyFile, credential.key);
    expect((await stat(keyFile)).mode & 0o777).toBe(0o640);
    expect((await stat(folder.file('new', 'deep'))).mode & 0o777).toBe(0o750);
  });

  it('are left alone when they are right already, but for a mode that is too wide', async () => {
    const files = allFiles();
    const credential = await issued();
    const first = recording();
    process_({ ...files, hook: first.hook }).exports.served(NAMES, credential);
    await until(() => first.calls.length > 0);
    const before = await stat(files.keyFile);
    await chmod(files.keyFile, 0o666);
    const second = recording();
    const { exports, host } = process_({ ...files, hook: second.hook });
    exports.served(NAMES, credential);
    await until(async () => ((await stat(files.keyFile)).mode & 0o777) === 0o600, 'the mode');
    const after = await stat(files.keyFile);
    expect([after.ino, after.mtimeMs]).toEqual([before.ino, before.mtimeMs]);
    // Whatever came of it has been told before the next one is.
    const next = await issued();
    exports.served(NAMES, next);
    await until(() => second.calls.length > 0);
    expect(second.calls.map(({ serialNumber }) => serialNumber)).toEqual([next.serialNumber]);
    expect(host.findings).toEqual([]);
  });

  it('are written again when somebody has deleted or changed one', async () => {
    const files = allFiles();
    const credential = await issued();
    await writeFile(files.certFile, 'something else');
    const { calls, hook } = recording();
    process_({ ...files, hook }).exports.served(NAMES, credential);
    await until(() => calls.length > 0);
    expect(await readFile(files.certFile, 'utf8')).toBe(credential.cert);
  });

  it('are never seen by halves: a bundle is a whole pair at any moment', async () => {
    const bundleFile = folder.file('bundle.pem');
    const { exports } = process_({ bundleFile });
    const credentials = await Promise.all(Array.from({ length: 20 }, async () => issued()));
    const seen = new Set<string>();
    const over = new AbortController();
    const reader = (async () => {
      while (!over.signal.aborted) {
        const pem = await readFile(bundleFile, 'utf8').catch(() => undefined);
        if (pem === undefined) continue;
        createSecureContext({ cert: pem, key: pem });
        seen.add(new X509Certificate(pem.slice(pem.indexOf('-----BEGIN CERTIFICATE'))).serialNumber);
      }
    })();
    for (const credential of credentials) {
      exports.served(NAMES, credential);
      await written(bundleFile, `${credential.key}${credential.cert}`);
    }
    over.abort();
    await reader;
    expect(seen.size).toBeGreaterThan(1);
  });

  it.each([
    ['*.a.test', '_wildcard.a.test'],
    ['2001:db8::1', '2001-db8--1'],
  ])('of %s have a name that every file system takes', async (name, base) => {
    const { exports } = process_({ certFile: folder.file('{name}', 'cert.pem') });
    const credential = await issued([name]);
    exports.served([name], credential);
    await written(folder.file(base, 'cert.pem'), credential.cert);
  });

  it('of two certificates that begin with the same name are told of, and the first one has them', async () => {
    const certFile = folder.file('{name}.pem');
    const { exports, host } = process_({ certFile });
    const [one, other] = [await issued(), await issued(['a.test', 'b.test'])];
    exports.served(NAMES, one);
    exports.served(['a.test', 'b.test'], other);
    await until(() => host.findings.length > 0);
    expect(host.findings).toMatchObject([{ code: 'EXPORT_FAILED', names: ['a.test', 'b.test'] }]);
    await written(folder.file('a.test.pem'), one.cert);
    // The clock stands still: nobody waits for the next try.
    exports.unmanaged(NAMES);
    await written(folder.file('a.test.pem'), other.cert);
    expect(host.resolvedCodes).toContain('EXPORT_FAILED');
  });

  it('take the place of a link, and leave what it leads to', async () => {
    const { certFile } = allFiles();
    const credential = await issued();
    const target = folder.file('elsewhere.pem');
    await writeFile(target, credential.cert, { mode: 0o600 });
    await symlink(target, certFile);
    const { exports } = process_({ certFile });
    exports.served(NAMES, credential);
    await until(async () => (await lstat(certFile)).isFile());
    expect((await stat(target)).mode & 0o777).toBe(0o600);
  });

  it('leave pipes, devices and folders alone, which is told of', async () => {
    const { certFile } = allFiles();
    await promisify(execFile)('mkfifo', [certFile]);
    const { exports, host } = process_({ certFile });
    exports.served(NAMES, await issued());
    await until(() => host.findings.length > 0);
    expect(host.findings).toMatchObject([{ code: 'EXPORT_FAILED' }]);
    expect(host.findings[0]?.message).toContain(`${certFile} is no file`);
    expect((await lstat(certFile)).isFIFO()).toBe(true);
  });

  it('may have names as long as names can be', async () => {
    const certFile = folder.file(`${'a'.repeat(255 - 4)}.pem`);
    const { exports } = process_({ certFile });
    const credential = await issued();
    exports.served(NAMES, credential);
    await written(certFile, credential.cert);
  });

  it('that cannot be written are told of, tried again, and no old one is lost', async () => {
    const files = { certFile: folder.file('certs', 'a.pem'), keyFile: folder.file('keys', 'a.pem') };
    const { exports, host } = process_(files);
    const [old, next] = [await issued(), await issued()];
    exports.served(NAMES, old);
    await written(files.certFile, old.cert);
    // As good as a folder that cannot be written, also for root.
    await rename(folder.file('certs'), folder.file('aside'));
    await writeFile(folder.file('certs'), 'a file where the folder was');
    exports.served(NAMES, next);
    await until(() => host.findings.length > 0);
    expect(host.findings).toMatchObject([{ code: 'EXPORT_FAILED', severity: 'warning', source: 'acme' }]);
    expect(host.findings[0]?.message).toContain(files.certFile);
    expect(host.findings[0]?.message).not.toContain('PRIVATE');
    expect(await readFile(files.keyFile, 'utf8')).toBe(old.key);
    await rename(folder.file('certs'), folder.file('away'));
    await rename(folder.file('aside'), folder.file('certs'));
    await clock.advance(MINUTE_MS);
    await written(files.certFile, next.cert);
    await written(files.keyFile, next.key);
    await until(() => host.resolvedCodes.includes('EXPORT_FAILED'));
    expect(await readdir(folder.file('keys'))).toEqual(['a.pem']);
  });

  it('stay when the certificate is no longer managed', async () => {
    const { certFile } = allFiles();
    const { exports } = process_({ certFile });
    const credential = await issued();
    exports.served(NAMES, credential);
    await written(certFile, credential.cert);
    exports.unmanaged(NAMES);
    expect(await readFile(certFile, 'utf8')).toBe(credential.cert);
  });

  it('of a certificate that comes when the source has closed are not written', async () => {
    const { certFile } = allFiles();
    const { exports } = process_({ certFile });
    await exports.close();
    exports.served(NAMES, await issued());
    // By the time that one that came later is written, so would this one be.
    const later = folder.file('later', 'certificate.pem');
    const credential = await issued();
    process_({ certFile: later }).exports.served(NAMES, credential);
    await written(later, credential.cert);
    expect(await readdir(dirname(certFile))).toEqual(['later']);
  });

  it('are at rest when the source has closed, also those of a certificate that is no longer managed', async () => {
    const faulty = faultyStorage();
    storage = faulty;
    let goOn: (() => void) | undefined;
    let isReleased = false;
    const { exports } = process_({ certFile: allFiles().certFile, hook: recording().hook });
    faulty.interfere = (operation) => {
      if (operation !== 'put') return undefined;
      return new Promise<void>((resolve) => {
        goOn = resolve;
      });
    };
    exports.served(NAMES, await issued());
    await until(() => goOn !== undefined);
    exports.unmanaged(NAMES);
    const closed = exports.close().then(() => {
      expect(isReleased).toBe(true);
    });
    await settled();
    isReleased = true;
    goOn?.();
    await closed;
  });
});

describe('The hook', () => {
  it('is called after each change, once all files are there', async () => {
    const files = allFiles();
    const seen: string[] = [];
    const { calls, hook } = recording(async () => {
      for (const path of Object.values(files)) seen.push(await readFile(path, 'utf8'));
    });
    const { exports } = process_({ ...files, hook });
    for (const count of [1, 2, 3]) {
      const credential = await issued();
      exports.served(NAMES, credential);
      await until(() => calls.length === count && seen.length === 4 * count);
      expect(seen.slice(-4, -2)).toEqual([credential.cert, credential.key]);
    }
  });

  it.each([
    [
      'throws',
      (): never => {
        throw new Error('postfix is not there');
      },
    ],
    ['rejects', (): Promise<never> => Promise.reject(new Error('postfix is not there'))],
  ])('that %s is a finding, and is called again', async (_, fail) => {
    const { certFile } = allFiles();
    const { calls, hook } = recording((count) => (count < 3 ? fail() : undefined));
    const { exports, host } = process_({ certFile, hook });
    const credential = await issued();
    exports.served(NAMES, credential);
    await until(() => host.findings.length > 0);
    expect(host.findings).toMatchObject([{ code: 'EXPORT_HOOK_FAILED', severity: 'warning', names: NAMES }]);
    expect(host.findings[0]?.message).toContain('postfix is not there');
    expect(await readFile(certFile, 'utf8')).toBe(credential.cert);
    await clock.advance(MINUTE_MS);
    await until(() => calls.length === 2);
    await until(() => host.findings.length === 2);
    await settled();
    await clock.advance(MINUTE_MS);
    expect(calls).toHaveLength(2);
    await clock.advance(MINUTE_MS);
    await until(() => host.resolvedCodes.includes('EXPORT_HOOK_FAILED'));
    expect(calls).toHaveLength(3);
  });

  it('that hangs is given up after a minute, and told to stop', async () => {
    const { calls, hook } = recording((count) => (count > 1 ? undefined : new Promise(() => undefined)));
    const { exports, host } = process_({ certFile: allFiles().certFile, hook });
    exports.served(NAMES, await issued());
    await until(() => calls.length > 0);
    await clock.advance(MINUTE_MS);
    await until(() => host.findings.length > 0);
    expect(calls[0]?.signal.aborted).toBe(true);
    expect(host.findings).toMatchObject([{ code: 'EXPORT_HOOK_FAILED' }]);
  });

  it('whose process was killed after the files were written is called by the next one', async () => {
    const files = allFiles();
    const credential = await issued();
    const killed = recording(() => new Promise(() => undefined));
    const first = process_({ ...files, hook: killed.hook });
    first.exports.served(NAMES, credential);
    await until(() => killed.calls.length > 0);
    await first.exports.close();
    const next = recording();
    process_({ ...files, hook: next.hook }).exports.served(NAMES, credential);
    await until(() => next.calls.length === 1);
  });

  it('is called once for a change, by one of the processes on the storage', async () => {
    const files = allFiles();
    const { calls, hook } = recording(() => settled());
    const processes = Array.from({ length: 4 }, () => process_({ ...files, hook }).exports);
    for (const count of [1, 2]) {
      const credential = await issued();
      for (const exports of processes) exports.served(NAMES, credential);
      await until(() => calls.length === count);
      for (let turn = 0; turn < 50; turn += 1) await settled();
      expect(calls).toHaveLength(count);
    }
  });

  it('is called although the storage fails', async () => {
    const faulty = faultyStorage();
    storage = faulty;
    faulty.interfere = () => {
      throw new Error('EROFS');
    };
    const { calls, hook } = recording();
    const { exports, host } = process_({ certFile: allFiles().certFile, hook });
    const credential = await issued();
    exports.served(NAMES, credential);
    await until(() => calls.length === 1);
    exports.served(NAMES, credential);
    for (let turn = 0; turn < 20; turn += 1) await settled();
    expect(calls).toHaveLength(1);
    expect(host.findings).toEqual([]);
  });

  it('is left alone when the source closes while it runs', async () => {
    const { calls, hook } = recording(() => new Promise(() => undefined));
    const { exports, host } = process_({ certFile: allFiles().certFile, hook });
    exports.served(NAMES, await issued());
    await until(() => calls.length > 0);
    await exports.close();
    expect(calls[0]?.signal.aborted).toBe(true);
    expect(host.findings).toEqual([]);
  });
});

describe('`exportTo`', () => {
  const parse = (options: unknown, mayBeMany = false): unknown =>
    parseExport(options as ExportOptions, { mayBeMany });

  it.each([
    ['exportTo', {}],
    ['exportTo', { hook: () => undefined }],
    ['exportTo', { certFile: '/a', keyFile: '/a' }],
    ['exportTo', null],
    ['exportTo.certFile', { certFile: 7 }],
    ['exportTo.keyFile', { keyFile: '' }],
    ['exportTo.chainFile', { chainFile: 'a\0b' }],
    ['exportTo.mode', { keyFile: '/a', mode: 0o644 }],
    ['exportTo.mode', { keyFile: '/a', mode: '600' }],
    ['exportTo.mode', { keyFile: '/a', mode: 0 }],
    ['exportTo.hook', { keyFile: '/a', hook: 'reload' }],
    ['exportTo.certfile', { certfile: '/a' }],
  ])('names what is wrong: %s', (option, options) => {
    expect(() => parse(options)).toThrow(TypeError);
    expect(() => parse(options)).toThrow(`\`${option}\``);
  });

  it('takes {name} where there are several certificates', () => {
    expect(() => parse({ certFile: '/a/cert.pem' }, true)).toThrow(/`exportTo\.certFile` .*\{name\}/);
    expect(parse({ certFile: '/a/{name}.pem' }, true)).toMatchObject({
      certFile: '/a/{name}.pem',
      mode: 0o600,
    });
  });
});
