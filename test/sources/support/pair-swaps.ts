// The ways in which programs and people replace a pair of files on a disk, done as they do it.
import { execFile } from 'node:child_process';
import { createPrivateKey, randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { DirectoryOptions } from '../../../src/sources/directory.js';
import type { FilePairOptions } from '../../../src/sources/file-pair.js';
import type { TestPair } from '../../support/certificates.js';

/** Files that a program has put into a folder, and how it replaces them. */
export interface SwappedPair extends FilePairOptions {
  /** Puts another pair in the place of the one there. */
  readonly replace: (pair: TestPair) => Promise<void>;
}

/** How one program lays out a first pair in an empty folder. */
export type Swapping = (folder: string, first: TestPair) => Promise<SwappedPair>;

/** All of them, by what they are called in tests. */
export const SWAPPINGS: Readonly<Record<string, Swapping>> = {
  'renamed over': plain(async ({ certFile, keyFile }, pair) => {
    await writeFile(`${certFile}.new`, pair.cert);
    await writeFile(`${keyFile}.new`, pair.key, { mode: 0o600 });
    await rename(`${certFile}.new`, certFile);
    await rename(`${keyFile}.new`, keyFile);
  }),
  'rewritten in place, in pieces': plain(async ({ certFile, keyFile }, pair) => {
    await writeInPieces(certFile, pair.cert);
    await wait(150);
    await writeInPieces(keyFile, pair.key);
  }),
  'deleted and written anew': plain(async ({ certFile, keyFile }, pair) => {
    await rm(certFile);
    await rm(keyFile);
    await wait(100);
    await writeFile(keyFile, pair.key, { mode: 0o600 });
    await writeFile(certFile, pair.cert);
  }),
  'relinked by certbot': certbot,
  'swapped by Kubernetes': kubernetes,
  'deployed behind a link to the folder': release,
  'renamed over, with a chain of its own': ownChain,
  'encrypted, each time with another passphrase in a file': encrypted,
  'replaced as PKCS#12': pkcs12,
};

/** Those of them that a folder of pairs serves as well. */
export const FOLDER_SWAPPINGS: readonly string[] = Object.keys(SWAPPINGS).filter(
  (name) => !name.includes('PKCS#12'),
);

/** How to serve such files by `filePair()`. */
export function asFilePair(pair: SwappedPair): FilePairOptions {
  const options: Partial<SwappedPair> = { ...pair };
  delete (options as { replace?: unknown }).replace;
  return options;
}

/** How to serve such files by `directory()`: a deployment is given by its link. */
export function asDirectory(
  { certFile = '', passphraseFile }: SwappedPair,
  folder: string,
): DirectoryOptions {
  const own = dirname(certFile);
  const path = basename(own) === 'current' ? own : folder;
  return passphraseFile === undefined ? { path } : { path, passphraseFile };
}

function plain(
  replace: (files: { certFile: string; keyFile: string }, pair: TestPair) => Promise<void>,
): Swapping {
  return async (folder, first) => {
    const { certFile, keyFile } = await first.writeTo(folder, 'pair');
    return { certFile, keyFile, replace: (pair) => replace({ certFile, keyFile }, pair) };
  };
}

async function writeInPieces(path: string, text: string): Promise<void> {
  const file = await open(path, 'w');
  const middle = text.length >> 1;
  await file.writeFile(text.slice(0, middle));
  await wait(60);
  await file.writeFile(text.slice(middle));
  await file.close();
}

/** The order of certbot's `update_all_links_to`: each link is removed and made again, one after the other. */
async function certbot(folder: string, first: TestPair): Promise<SwappedPair> {
  const [live, archive] = [join(folder, 'live', 'a.test'), join(folder, 'archive', 'a.test')];
  await mkdir(live, { recursive: true });
  await mkdir(archive, { recursive: true });
  let version = 0;
  const replace = async (pair: TestPair): Promise<void> => {
    version += 1;
    const contents = { cert: pair.leaf, privkey: pair.key, chain: pair.chain, fullchain: pair.cert };
    for (const [name, text] of Object.entries(contents)) {
      await writeFile(join(archive, `${name}${version}.pem`), text, {
        mode: name === 'privkey' ? 0o600 : 0o644,
      });
    }
    for (const name of Object.keys(contents)) {
      await rm(join(live, `${name}.pem`), { force: true });
      if (version > 1) await wait(20);
      await symlink(`../../archive/a.test/${name}${version}.pem`, join(live, `${name}.pem`));
    }
  };
  await replace(first);
  return { certFile: join(live, 'fullchain.pem'), keyFile: join(live, 'privkey.pem'), replace };
}

/** As the kubelet's atomic writer: a new folder, a link renamed over `..data`, the old folder removed at once. */
async function kubernetes(folder: string, first: TestPair): Promise<SwappedPair> {
  const data = join(folder, '..data');
  let version = 0;
  const replace = async (pair: TestPair): Promise<void> => {
    const [before, now] = [`..2026_${version}`, `..2026_${version + 1}`];
    version += 1;
    await mkdir(join(folder, now));
    await writeFile(join(folder, now, 'tls.crt'), pair.cert);
    await writeFile(join(folder, now, 'tls.key'), pair.key, { mode: 0o600 });
    await symlink(now, `${data}_tmp`);
    await rename(`${data}_tmp`, data);
    await rm(join(folder, before), { recursive: true, force: true });
  };
  await replace(first);
  for (const name of ['tls.crt', 'tls.key']) await symlink(`..data/${name}`, join(folder, name));
  return { certFile: join(folder, 'tls.crt'), keyFile: join(folder, 'tls.key'), replace };
}

/** As deployment tools do: `current` leads to the folder of a release. */
async function release(folder: string, first: TestPair): Promise<SwappedPair> {
  const current = join(folder, 'current');
  let version = 0;
  const replace = async (pair: TestPair): Promise<void> => {
    version += 1;
    await pair.writeTo(join(folder, 'releases', String(version)), 'pair');
    await symlink(join('releases', String(version)), `${current}.new`);
    await rename(`${current}.new`, current);
  };
  await replace(first);
  return { certFile: join(current, 'pair.crt'), keyFile: join(current, 'pair.key'), replace };
}

async function renameOver(contents: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(contents)) await writeFile(`${path}.new`, text, { mode: 0o600 });
  for (const path of Object.keys(contents)) await rename(`${path}.new`, path);
}

/** The leaf alone, its chain in another file, and both replaced. */
async function ownChain(folder: string, first: TestPair): Promise<SwappedPair> {
  const paths = ['pair.crt', 'pair.chain.pem', 'pair.key'].map((name) => join(folder, name));
  const [certFile = '', chainFile = '', keyFile = ''] = paths;
  const replace = ({ leaf, chain, key }: TestPair): Promise<void> =>
    renameOver({ [certFile]: leaf, [chainFile]: chain, [keyFile]: key });
  await replace(first);
  return { certFile, chainFile, keyFile, replace };
}

async function encrypted(folder: string, first: TestPair): Promise<SwappedPair> {
  const paths = ['pair.crt', 'pair.key', 'passphrase'].map((name) => join(folder, name));
  const [certFile = '', keyFile = '', passphraseFile = ''] = paths;
  const replace = async ({ cert, key }: TestPair): Promise<void> => {
    const passphrase = randomBytes(16).toString('hex');
    const format = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase } as const;
    const text = createPrivateKey(key).export(format).toString();
    await renameOver({ [passphraseFile]: `${passphrase}\n`, [keyFile]: text, [certFile]: cert });
  };
  await replace(first);
  return { certFile, keyFile, passphraseFile, replace };
}

async function pkcs12(folder: string, first: TestPair): Promise<SwappedPair> {
  const pfxFile = join(folder, 'pair.pfx');
  const replace = async (pair: TestPair): Promise<void> => {
    const { certFile, keyFile } = await pair.writeTo(join(folder, 'source'), 'pair');
    const args = ['pkcs12', '-export', '-inkey', keyFile, '-in', certFile, '-passout', 'pass:secret'];
    await promisify(execFile)('openssl', [...args, '-out', `${pfxFile}.new`]);
    await rename(`${pfxFile}.new`, pfxFile);
  };
  await replace(first);
  return { pfxFile, passphrase: 'secret', replace };
}
