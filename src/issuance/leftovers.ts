/** What nobody seems to use in the storage of sources whose certificates are issued. Reads only; what it cannot read is not among it. */
import { X509Certificate } from 'node:crypto';
import type { Lease, Storage } from '../storage/storage.js';
import { decodeFailure } from './failure-record.js';
import { parseRecord } from './stored-generation.js';

const DAY_MS = 86_400_000;
/** Expired this long ago, or untouched: longer than any order, window or ladder goes on. */
const GRACE_MS = 14 * DAY_MS;
const SHORT_GRACE_MS = DAY_MS;
const CERTIFICATES = 'managed/';
/** `managed/<issuer>/<certificate>/<record>` */
const CERTIFICATE = /^managed\/(acme-[^/]+|self-signed(?:-[^/]+)?)\/([^/]+)\/([^/]+)$/;
/** `acme/<authority>/<kind>/<record>`; accounts are not among these. */
const RECORD = /^acme\/([^/]+)\/(orders|challenges|budgets)\/([^/]+)$/;
/** The chain goes last: whoever is killed in between leaves a certificate that is whole. */
const RECORDS = ['failure', 'held', 'renewal', 'exported', 'previous', 'current'];

/** Something that may be removed once it was found again and again. */
export interface Leftover {
  /** The same as long as it is untouched. */
  readonly id: string;
  /** How long it has to be known to be unused, in milliseconds. */
  readonly graceMs: number;
  /** What is to be locked meanwhile. */
  readonly lock?: string;
  /** Removes it, if it is still unused. */
  readonly remove: (lease: Lease | undefined) => Promise<void>;
}

/** Where it is looked for. */
export interface LeftoverOptions {
  readonly storage: Storage;
  readonly now: number;
  /** Whose certificates this process manages. */
  readonly issuerId: string;
  /** Whether the certificate of this segment is managed by this process. */
  readonly keeps: (segment: string) => boolean;
  /** Ends the look, with its reason. */
  readonly signal: AbortSignal;
}

/** All leftovers. */
export async function* leftovers(options: LeftoverOptions): AsyncGenerator<Leftover> {
  const { storage, signal } = options;
  const known = await certificatesIn(options);
  for (const certificate of known.values()) {
    signal.throwIfAborted();
    if (isKept(certificate, options) || !(await isUnused(certificate.folder, options))) continue;
    yield certificateLeftover(certificate, options);
  }
  for await (const key of storage.list('acme/')) {
    signal.throwIfAborted();
    const [, issuer = '', kind, segment = ''] = RECORD.exec(key) ?? [];
    if (kind === undefined) continue;
    const folder = folderOf({ issuer, segment });
    const isOrder = kind === 'orders';
    if (isOrder && (known.has(folder) || isKept({ issuer, segment }, options))) continue;
    const graceMs = kind === 'challenges' ? SHORT_GRACE_MS : GRACE_MS;
    const found = await recordLeftover(key, { storage, graceMs });
    if (found !== undefined) yield isOrder ? { ...found, lock: `${folder}lock` } : found;
  }
  for await (const key of storage.list('probe/')) {
    signal.throwIfAborted();
    const found = await recordLeftover(key, { storage, graceMs: SHORT_GRACE_MS });
    if (found !== undefined) yield found;
  }
}

interface CertificateKey {
  readonly issuer: string;
  readonly segment: string;
}

interface StoredCertificate extends CertificateKey {
  readonly folder: string;
}

/** By folder. */
async function certificatesIn({
  storage,
  signal,
}: LeftoverOptions): Promise<ReadonlyMap<string, StoredCertificate>> {
  const found = new Map<string, StoredCertificate>();
  for await (const key of storage.list(CERTIFICATES)) {
    signal.throwIfAborted();
    const [, issuer, segment] = CERTIFICATE.exec(key) ?? [];
    if (issuer === undefined || segment === undefined) continue;
    const folder = folderOf({ issuer, segment });
    found.set(folder, { issuer, segment, folder });
  }
  return found;
}

function folderOf({ issuer, segment }: CertificateKey): string {
  return `managed/${issuer}/${segment}/`;
}

function isKept({ issuer, segment }: CertificateKey, { issuerId, keeps }: LeftoverOptions): boolean {
  return issuer === issuerId && keeps(segment);
}

function certificateLeftover(
  { folder, issuer, segment }: StoredCertificate,
  options: LeftoverOptions,
): Leftover {
  const { storage } = options;
  return {
    id: folder,
    graceMs: GRACE_MS,
    lock: `${folder}lock`,
    remove: async (lease) => {
      // It may be managed by now, or whoever had the lock before has renewed it.
      if (isKept({ issuer, segment }, options) || !(await isUnused(folder, options))) return;
      const terms = lease === undefined ? {} : { lease };
      await storage.delete(`acme/${issuer}/orders/${segment}`, terms);
      for (const record of RECORDS) await storage.delete(`${folder}${record}`, terms);
    },
  };
}

/** Known by its version: one that is written again is another one. */
async function recordLeftover(
  key: string,
  { storage, graceMs }: { readonly storage: Storage; readonly graceMs: number },
): Promise<Leftover | undefined> {
  const version = await versionOf(storage, key);
  if (version === undefined) return undefined;
  return {
    id: `${key}@${version}`,
    graceMs,
    remove: async (lease) => {
      if ((await versionOf(storage, key)) !== version) return;
      await storage.delete(key, lease === undefined ? {} : { lease });
    },
  };
}

async function versionOf(storage: Storage, key: string): Promise<string | undefined> {
  return (await storage.get(key).catch(() => undefined))?.version;
}

/** Nothing in date, and nobody who goes on trying. */
async function isUnused(folder: string, { storage, now }: LeftoverOptions): Promise<boolean> {
  try {
    for (const which of ['current', 'previous']) {
      const value = await storage.get(`${folder}${which}`);
      if (value !== undefined && !isExpired(value.bytes, now)) return false;
    }
    const value = await storage.get(`${folder}failure`);
    const failure = value === undefined ? undefined : decodeFailure(value.bytes);
    if (failure === undefined) return true;
    const { failedAt, nextAttempt, retryAfter = 0 } = failure;
    return failedAt < now - GRACE_MS && nextAttempt < now && retryAfter < now;
  } catch {
    return false;
  }
}

/** What is not understood may be of a later version, or encrypted for somebody else. */
function isExpired(bytes: Uint8Array, now: number): boolean {
  const { format, cert } = parseRecord(bytes);
  if (format !== 1 || typeof cert !== 'string') return false;
  return Date.parse(new X509Certificate(cert).validTo) < now;
}
