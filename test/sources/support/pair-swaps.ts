// The ways in which programs and people replace a pair of files on a disk, done as they do it.
import { mkdir, open, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { TestPair } from '../../support/certificates.js';

/** Files that a program has put into a folder, and how it replaces them. */
export interface SwappedPair {
  readonly certFile: string;
  readonly keyFile: string;
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
};

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
