/**
 * Whom a policy trusts, while a server runs: read at the start, read again when the files change, replaced only by what
 * can be used. Whoever writes the files may be half way through: a fault is told when it is still there at the next look.
 */
import { dirname, resolve } from 'node:path';
import type { Clock } from '../clock.js';
import type { Finding } from '../credential/findings.js';
import { isTlsmithError, messageOf } from '../errors.js';
import { fileSignature } from '../files/file-signature.js';
import { FolderWatch } from '../files/folder-watch.js';
import { unwatchableFiles } from '../files/unwatchable-files.js';
import type { ClientTrust } from '../handshake/policies.js';
import type { ClientAuthSettings } from './client-auth-options.js';
import { readTrust } from './trust-material.js';
import { TrustTermWatch } from './trust-term-watch.js';

const POLL_MS = 1_000;

/** What a pool needs. */
export interface TrustPoolOptions {
  readonly settings: ClientAuthSettings;
  readonly clock: Clock;
  /** For messages, such as `clientAuth of api.test`. */
  readonly origin: string;
  /** Gets the trust that was read first, and each that differs from the one before. */
  readonly adopt: (trust: ClientTrust) => void;
  readonly report: (finding: Finding) => void;
  readonly resolved: (code: string) => void;
}

/** Reads and watches, from {@link TrustPool.start} until {@link TrustPool.close}. */
export class TrustPool {
  readonly #options: TrustPoolOptions;
  readonly #files: readonly string[];
  readonly #watch: FolderWatch;
  readonly #terms: TrustTermWatch;
  #trust: ClientTrust | undefined;
  /** The signatures of the files as last read; undefined: to be read again whatever they are. */
  #seen: string | undefined;
  /** The fault of the last look, told or not. */
  #fault: string | undefined;
  #isClosed = false;
  #lastTurn: Promise<unknown> = Promise.resolve();

  constructor(options: TrustPoolOptions) {
    this.#options = options;
    const { caFiles, crlFiles } = options.settings;
    this.#files = [...caFiles, ...crlFiles].map((path) => resolve(path));
    this.#terms = new TrustTermWatch(options.clock, options.origin, options);
    this.#watch = new FolderWatch({
      clock: options.clock,
      folders: () => new Set(this.#files.map((path) => dirname(path))),
      pollMs: () => POLL_MS,
      look: () => this.#inTurn(() => this.#look()),
    });
  }

  /** Reads all; rejects when something cannot be used. */
  async start(): Promise<void> {
    await this.#inTurn(async () => {
      await this.#readAgain(await this.#signatures());
      for (const finding of await unwatchableFiles(this.#files)) this.#options.report(finding);
    });
    if (this.#files.length > 0 && !this.#isClosed) this.#watch.start();
  }

  /** Reads all now; rejects when it cannot take the place of what holds. */
  reload(): Promise<void> {
    return this.#inTurn(async () => {
      try {
        await this.#readAgain(await this.#signatures());
      } catch (error) {
        this.#reject(error);
        throw error;
      }
    });
  }

  /** Leaves nothing running. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#terms.close();
    await this.#watch.close();
    await this.#lastTurn;
  }

  /** One reading after the other: what an older one has found must not displace what a newer one has. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#lastTurn.then(work);
    this.#lastTurn = turn.catch(() => undefined);
    return turn;
  }

  async #signatures(): Promise<string> {
    return (await Promise.all(this.#files.map((path) => fileSignature(path)))).join('\n');
  }

  async #look(): Promise<void> {
    const signatures = await this.#signatures();
    if (this.#isClosed || signatures === this.#seen) return;
    try {
      await this.#readAgain(signatures);
    } catch (error) {
      // Read once more at the next look, and told if it is no better then.
      const isLasting = this.#fault === messageOf(error);
      this.#seen = undefined;
      this.#fault = messageOf(error);
      if (isLasting) this.#reject(error);
    }
  }

  async #readAgain(signatures: string): Promise<void> {
    const { trust, terms } = await readTrust(this.#options.settings);
    if (this.#isClosed) return;
    this.#seen = signatures;
    if (this.#fault !== undefined) this.#options.resolved('RELOAD_REJECTED');
    this.#fault = undefined;
    this.#terms.watch(terms);
    if (isSame(trust, this.#trust)) return;
    this.#trust = trust;
    this.#options.adopt(trust);
  }

  #reject(error: unknown): void {
    this.#fault = messageOf(error);
    const { report, origin } = this.#options;
    const hint = isTlsmithError(error) ? error.hint : undefined;
    report({
      code: 'RELOAD_REJECTED',
      severity: 'error',
      message: `${origin}: the files have changed and cannot be used. ${messageOf(error)} What was loaded before still holds.`,
      ...(hint === undefined ? {} : { hint }),
    });
  }
}

function isSame(one: ClientTrust, other: ClientTrust | undefined): boolean {
  return one.ca.join() === other?.ca.join() && one.crl.join() === other.crl.join();
}
