/**
 * Certificates for tests: a root, an intermediate and leaves of every kind, made in memory in a few
 * milliseconds. `const ca = await testCa(); const pair = await ca.issue({ names: ['a.test'] });`
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type KeyPurpose, type KeyUsage, signCertificate } from './certificate-writer.js';
import {
  newTestKey,
  privateKeyPem,
  type TestKey,
  type TestKeyFormat,
  type TestKeyType,
} from './test-keys.js';

export { newTestKey, privateKeyPem, type TestKey, type TestKeyType } from './test-keys.js';

const DAY_MS = 86_400_000;
const LONG_MS = 30 * 365 * DAY_MS;

/** What a leaf is to be like; all but the names have defaults that every client accepts. */
export interface LeafRequest {
  /** DNS names and IP addresses. */
  readonly names: readonly string[];
  /** Defaults to `ecdsa-p256`. */
  readonly keyType?: TestKeyType;
  /** An existing key in place of a new one of `keyType`. */
  readonly key?: TestKey;
  /** Milliseconds since the epoch or a date; defaults to yesterday. */
  readonly notBefore?: number | Date;
  /** Defaults to 89 days from now. */
  readonly notAfter?: number | Date;
  /** Defaults to the first name; `''` leaves the subject empty. */
  readonly commonName?: string;
  /** `false` leaves the subjectAltName out: a certificate as of old, with a common name only. */
  readonly hasAlternativeNames?: boolean;
  /** Version 1 has no extensions at all. */
  readonly version?: 1 | 3;
  /** Defaults to digitalSignature, with RSA also keyEncipherment; `[]` leaves the extension out. */
  readonly keyUsage?: readonly KeyUsage[];
  /** Defaults to serverAuth; `[]` leaves the extension out. */
  readonly purposes?: readonly KeyPurpose[];
  /** Who signs; defaults to the intermediate. `self` makes a self-signed leaf. */
  readonly issuer?: 'intermediate' | 'root' | 'self';
  /** `false` leaves out the identifiers by which issuers of one name are told apart. */
  readonly hasKeyIdentifiers?: boolean;
  /** Hexadecimal; defaults to 16 random bytes. */
  readonly serialNumber?: string;
  /** Encrypts the private key. */
  readonly passphrase?: string;
  /** Defaults to `pkcs8`. */
  readonly keyFormat?: TestKeyFormat;
}

/** A leaf with its private key, as PEM. */
export interface TestPair {
  /** The leaf and, unless it is signed by the root or itself, the intermediate. */
  readonly cert: string;
  /** The private key, encrypted when a passphrase was asked for. */
  readonly key: string;
  /** The leaf alone. */
  readonly leaf: string;
  /** The intermediate alone, or `''`. */
  readonly chain: string;
  /** The key pair, to issue another certificate for the same key. */
  readonly keyPair: TestKey;
  /** Writes `<base>.crt`, `<base>.key` and, where there is one, `<base>.chain.crt`. */
  writeTo(folder: string, base: string): Promise<{ certFile: string; keyFile: string; chainFile: string }>;
}

/** A root and an intermediate that issue test certificates. */
export interface TestCa {
  /** The root, which clients are told to trust. */
  readonly rootPem: string;
  /** The intermediate that signs leaves. */
  readonly intermediatePem: string;
  /** Issues a leaf. */
  issue(request: LeafRequest): Promise<TestPair>;
  /** Writes `root.pem` and `intermediate.pem`. */
  writeTo(folder: string): Promise<{ rootFile: string; intermediateFile: string }>;
}

/** How a test CA differs from the usual one. */
export interface TestCaOptions {
  /** Part of its names; defaults to `Test`. */
  readonly name?: string;
  /** Another CA of the same name with other keys, as after a change of keys. */
  readonly generation?: number;
  /** The kind of its own keys; defaults to `ecdsa-p256`. */
  readonly keyType?: TestKeyType;
  /** When its intermediate ends, milliseconds since the epoch; defaults to 30 years from now. */
  readonly intermediateNotAfter?: number;
}

const authorities = new Map<string, Promise<TestCa>>();

/** A test CA; the same one for the same options within a test file. */
export function testCa({
  name = 'Test',
  generation = 1,
  keyType = 'ecdsa-p256',
  intermediateNotAfter,
}: TestCaOptions = {}): Promise<TestCa> {
  const id = JSON.stringify([name, generation, keyType, intermediateNotAfter]);
  let authority = authorities.get(id);
  if (authority === undefined) {
    authority = newTestCa(name, {
      keyType,
      intermediateNotAfter: intermediateNotAfter ?? Date.now() + LONG_MS,
    });
    authorities.set(id, authority);
  }
  return authority;
}

/** A self-signed leaf that belongs to no CA. */
export async function selfSignedPair(request: LeafRequest): Promise<TestPair> {
  return (await testCa()).issue({ ...request, issuer: 'self' });
}

interface Authority {
  readonly subject: string;
  readonly key: TestKey;
  readonly pem: string;
}

async function newTestCa(
  name: string,
  { keyType, intermediateNotAfter }: { keyType: TestKeyType; intermediateNotAfter: number },
): Promise<TestCa> {
  const root = newAuthority(`${name} Root`, await newTestKey(keyType));
  const intermediate = newAuthority(`${name} Intermediate`, await newTestKey(keyType), {
    issuer: root,
    notAfter: intermediateNotAfter,
  });
  return {
    rootPem: root.pem,
    intermediatePem: intermediate.pem,
    issue: (request) => issueLeaf(request, { root, intermediate }),
    async writeTo(folder) {
      const rootFile = join(folder, 'root.pem');
      const intermediateFile = join(folder, 'intermediate.pem');
      await mkdir(folder, { recursive: true });
      await writeFile(rootFile, root.pem);
      await writeFile(intermediateFile, intermediate.pem);
      return { rootFile, intermediateFile };
    },
  };
}

function newAuthority(
  subject: string,
  key: TestKey,
  { issuer, notAfter = Date.now() + LONG_MS }: { issuer?: Authority; notAfter?: number } = {},
): Authority {
  const pem = signCertificate(
    {
      version: 3,
      subject: [subject],
      issuer: [issuer?.subject ?? subject],
      notBefore: Date.now() - LONG_MS,
      notAfter,
      names: undefined,
      keyUsage: ['keyCertSign', 'cRLSign'],
      purposes: [],
      isAuthority: true,
      hasKeyIdentifiers: true,
    },
    key,
    issuer?.key ?? key,
  );
  return { subject, key, pem };
}

async function issueLeaf(
  request: LeafRequest,
  authorities: { root: Authority; intermediate: Authority },
): Promise<TestPair> {
  const { names, keyType = 'ecdsa-p256', issuer = 'intermediate', commonName = names[0] ?? '' } = request;
  const keyPair = request.key ?? (await newTestKey(keyType));
  const authority = issuer === 'self' ? undefined : authorities[issuer];
  const subject = commonName === '' ? [] : [commonName];
  const leaf = signCertificate(
    {
      version: request.version ?? 3,
      ...(request.serialNumber === undefined ? {} : { serialNumber: request.serialNumber }),
      subject,
      issuer: authority === undefined ? subject : [authority.subject],
      notBefore: Number(request.notBefore ?? Date.now() - DAY_MS),
      notAfter: Number(request.notAfter ?? Date.now() + 89 * DAY_MS),
      names: request.hasAlternativeNames === false ? undefined : names,
      keyUsage: request.keyUsage ?? usualKeyUsage(keyPair),
      purposes: request.purposes ?? ['serverAuth'],
      isAuthority: false,
      hasKeyIdentifiers: request.hasKeyIdentifiers ?? true,
    },
    keyPair,
    authority?.key ?? keyPair,
  );
  return testPair(request, {
    leaf,
    keyPair,
    chain: issuer === 'intermediate' ? authorities.intermediate.pem : '',
  });
}

function usualKeyUsage(key: TestKey): KeyUsage[] {
  return key.privateKey.asymmetricKeyType === 'rsa'
    ? ['digitalSignature', 'keyEncipherment']
    : ['digitalSignature'];
}

function testPair(
  { passphrase, keyFormat = 'pkcs8' }: LeafRequest,
  parts: { leaf: string; keyPair: TestKey; chain: string },
): TestPair {
  const key = privateKeyPem(parts.keyPair, {
    format: keyFormat,
    ...(passphrase === undefined ? {} : { passphrase }),
  });
  const cert = parts.leaf + parts.chain;
  return {
    ...parts,
    cert,
    key,
    async writeTo(folder, base) {
      const certFile = join(folder, `${base}.crt`);
      const keyFile = join(folder, `${base}.key`);
      const chainFile = parts.chain === '' ? '' : join(folder, `${base}.chain.crt`);
      await mkdir(folder, { recursive: true });
      await writeFile(keyFile, key, { mode: 0o600 });
      await writeFile(certFile, cert);
      if (chainFile !== '') await writeFile(chainFile, parts.chain);
      return { certFile, keyFile, chainFile };
    },
  };
}
