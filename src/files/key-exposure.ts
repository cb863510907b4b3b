/**
 * Whether others on this machine can read a private key. Only what is open to everybody is told: access by group is
 * how a key is shared on purpose (`ssl-cert`, `fsGroup`).
 */
import { realpath, stat } from 'node:fs/promises';
import type { Finding } from '../credential/findings.js';
import { isContainerSecret, mounts } from './mounts.js';
import type { PairMaterial } from './pair-material.js';
import { foldersAbove, octalMode } from './permissions.js';
import type { PairFile } from './read-pair-file.js';

const READABLE_BY_OTHERS = 0o004;
const SEARCHABLE_BY_OTHERS = 0o001;

/** The finding about a key that everybody on this machine can read; undefined when they cannot. */
export async function keyExposure(material: PairMaterial): Promise<Finding | undefined> {
  if (process.platform === 'win32') return undefined; // No modes there.
  const secrets = secretsOf(material);
  const exposed = await Promise.all(secrets.map(isOpenToOthers));
  if (secrets.length === 0 || exposed.includes(false)) return undefined;
  return (await isMounted(material.keyFile)) ? mountedFinding(secrets) : openFinding(secrets);
}

/** What one has to read to have the key; nothing when the passphrase is in no file. */
function secretsOf({ keyFile, isKeyEncrypted, passphraseFile }: PairMaterial): PairFile[] {
  if (!isKeyEncrypted) return [keyFile];
  return passphraseFile === undefined ? [] : [keyFile, passphraseFile];
}

async function isOpenToOthers({ location, stats }: PairFile): Promise<boolean> {
  if (!stats.isFile() || (stats.mode & READABLE_BY_OTHERS) === 0) return false;
  const path = await realpath(location).catch(() => location);
  const folders = await Promise.all(foldersAbove(path).map((folder) => stat(folder).catch(() => undefined)));
  return folders.every((folder) => folder !== undefined && (folder.mode & SEARCHABLE_BY_OTHERS) !== 0);
}

async function isMounted({ location, stats }: PairFile): Promise<boolean> {
  const path = await realpath(location).catch(() => location);
  return isContainerSecret(path, stats, await mounts());
}

function openFinding(secrets: readonly PairFile[]): Finding {
  const paths = secrets.map(({ path }) => path).join(' ');
  return {
    code: 'TLS_KEY_WORLD_READABLE',
    severity: 'warning',
    message: `${described(secrets)}: every user and program on this machine can read the private key.`,
    hint: `chmod 600 ${paths}; to share it with a service of another user: chgrp to its group and chmod 640. Once others may have copied the key, have the certificate issued anew with a new one.`,
  };
}

function mountedFinding(secrets: readonly PairFile[]): Finding {
  return {
    code: 'TLS_KEY_WORLD_READABLE',
    severity: 'info',
    message: `${described(secrets)}, as secrets of a container have by default: every program in the container can read the private key.`,
    hint: 'In Kubernetes set defaultMode: 0440 with fsGroup, in Swarm mode: 0400 with uid.',
  };
}

function described(secrets: readonly PairFile[]): string {
  return secrets.map(({ path, stats }) => `${path} has mode ${octalMode(stats)}`).join(' and ');
}
