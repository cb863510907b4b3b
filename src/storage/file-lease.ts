/**
 * Leases in the folder of a key, as folders that only mkdir(2) and rename(2) touch:
 * - `0000000003~held/` while lease 3 is held; its file `beat` says how long it lives and is touched by the holder
 * - `0000000003~free/` once it was released or taken from a holder that had stopped touching it
 *
 * The highest number is never removed, so tokens grow for ever. Only one process wins a mkdir or a rename. A lease is
 * lost by the rename of its folder, which is why {@link Fence.through} can check it in the very call that writes.
 */
import { mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { type TlsmithError, codeOf } from '../errors.js';
import { ensureFolder, syncFolder } from './durable-files.js';
import type { LeaseIdentity } from './generation.js';
import { entriesOf } from './key-folder.js';
import { leaseLost } from './storage-errors.js';

/** The lease a write depends on. */
export interface Fence {
  readonly lease: LeaseIdentity;
  /** Rejects with `STORAGE_LEASE_LOST` when the stored state says that it is over. */
  assertHeld(): Promise<void>;
  /** The error for a write under this lease when it is over. */
  lost(): TlsmithError;
  /**
   * The same path, but leading through the folder of the held lease (`…/3~held/../…`). The kernel walks all of it in
   * one call, so a link or mkdir fails with ENOENT once the lease is over, however long its caller was stopped before.
   * Windows shortens such paths first; there the check before the write is the only one.
   */
  through(path: string): string;
}

/** The state of the newest lease of a key. */
export interface LeaseState {
  /** Its token; 0 when there was none yet. */
  readonly token: number;
  readonly isHeld: boolean;
}

/** A sign of life of a holder. */
export interface Beat {
  /** Changes with every sign of life; says nothing about the time. */
  readonly mark: number;
  /** How long the holder asked to be waited for. */
  readonly leaseMs: number;
}

const NAME = /^(\d{10,16})~(held|free)$/;

/** Reads the state of the newest lease in `folder`. */
export async function readLease(folder: string): Promise<LeaseState> {
  let token = 0;
  let isHeld = false;
  for (const { name } of await entriesOf(folder)) {
    const [, digits, state] = NAME.exec(name) ?? [];
    const number = Number(digits);
    if (digits === undefined || number < token) continue;
    // Both names: someone who was slow made `held` again after it had become `free`, and will find out.
    isHeld = state === 'held' && (number > token || isHeld);
    token = number;
  }
  return { token, isHeld };
}

/** Takes the next lease when the newest is free; undefined when it is held or another was faster. */
export async function takeLease(folder: string, leaseMs: number): Promise<number | undefined> {
  await ensureFolder(folder);
  const { token, isHeld } = await readLease(folder);
  if (isHeld) return undefined;
  return (await claimLease(folder, { token: token + 1, leaseMs })) ? token + 1 : undefined;
}

/** A lease that is to be. */
export interface LeaseClaim {
  readonly token: number;
  readonly leaseMs: number;
}

/**
 * Makes lease `token`, unless that token was given out before: whoever was stopped after reading which token is the
 * next may come so late that its folders are gone again.
 */
export async function claimLease(folder: string, claim: LeaseClaim): Promise<boolean> {
  const held = heldPath(folder, claim.token);
  try {
    await mkdir(held, { mode: 0o700 });
  } catch (error) {
    if (codeOf(error) === 'EEXIST' || codeOf(error) === 'ENOENT') return false;
    throw error;
  }
  try {
    if (await isEstablished(folder, claim)) return true;
  } catch (error) {
    await rm(held, { recursive: true, force: true });
    throw error;
  }
  await rm(held, { recursive: true, force: true });
  return false;
}

/** Whether the folder just made is the newest lease, and not the late copy of one that has been over for long. */
async function isEstablished(folder: string, { token, leaseMs }: LeaseClaim): Promise<boolean> {
  const now = await readLease(folder);
  if (now.token !== token || !now.isHeld) return false;
  try {
    await writeFile(join(heldPath(folder, token), 'beat'), String(leaseMs), { mode: 0o600 });
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
  await syncFolder(folder);
  await removeOlder(folder, token);
  return true;
}

/** Ends lease `token`, whoever holds it. */
export async function endLease(folder: string, token: number): Promise<void> {
  try {
    await rename(heldPath(folder, token), join(folder, `${digitsOf(token)}~free`));
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

/** Gives a sign of life; rejects with ENOENT when the lease is over. */
export async function touchLease(folder: string, token: number, now: number): Promise<void> {
  await utimes(join(heldPath(folder, token), 'beat'), now / 1000, now / 1000);
}

/** The newest sign of life of lease `token`; undefined when there is none (yet). */
export async function readBeat(folder: string, token: number): Promise<Beat | undefined> {
  const path = join(heldPath(folder, token), 'beat');
  try {
    const leaseMs = Number(await readFile(path, 'utf8'));
    return leaseMs > 0 ? { mark: (await stat(path)).mtimeMs, leaseMs } : undefined;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** The fence for writes under `lease`, which is kept in `folder`. */
export function fenceOf(folder: string, lease: LeaseIdentity): Fence {
  const held = heldPath(folder, lease.token);
  const lost = (): TlsmithError => leaseLost(lease);
  return {
    lease: { key: lease.key, token: lease.token },
    lost,
    assertHeld: async () => {
      const { token, isHeld } = await readLease(folder);
      if (token !== lease.token || !isHeld) throw lost();
    },
    // Not path.join, which would shorten it.
    through: (path) => `${held}${sep}..${sep}${relative(dirname(held), path)}`,
  };
}

/** One older than `token` stays: when a person removes the folder of a lease by hand, tokens still do not fall back. */
async function removeOlder(folder: string, token: number): Promise<void> {
  for (const { name } of await entriesOf(folder)) {
    const digits = NAME.exec(name)?.[1];
    if (Number(digits) < token - 1) await rm(join(folder, name), { recursive: true, force: true });
  }
}

function heldPath(folder: string, token: number): string {
  return join(folder, `${digitsOf(token)}~held`);
}

function digitsOf(token: number): string {
  return String(token).padStart(10, '0');
}
