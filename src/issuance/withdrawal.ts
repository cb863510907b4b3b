/**
 * Certificates that are revoked, by this process or another: something else serves in place of one, if there is anything,
 * until it is replaced.
 */
import { type Credential, isInDate } from '../credential/credential.js';
import type { CertificateStore, StoredState } from './certificate-store.js';
import type { KeeperTools } from './keeper-tools.js';
import type { LiveGeneration } from './live-generation.js';
import { nothingToRevoke, revokeStored } from './revocation.js';
import type { StoredGeneration } from './stored-generation.js';

/** What the certificate is withdrawn with. */
export interface WithdrawalTools {
  readonly names: readonly string[];
  readonly store: CertificateStore;
  readonly tools: KeeperTools;
  readonly live: LiveGeneration;
  /** Told when it is to be replaced. */
  readonly withdrawn: () => void;
}

/** Withdraws one certificate. */
export class Withdrawal {
  readonly #tools: WithdrawalTools;
  /** How many revocations the issuer is being asked for. */
  #revoking = 0;

  constructor(tools: WithdrawalTools) {
    this.#tools = tools;
  }

  /** Serves what is stored, unless it is revoked and something else is in date; until there is a successor. */
  async serve(stored: StoredState): Promise<void> {
    this.#serve(await this.#bestOf(stored));
  }

  /** Has revoked what serves, and withdraws it. */
  async revoke(signal: AbortSignal): Promise<void> {
    const { names, store, tools, live } = this.#tools;
    const { generation } = await store.read();
    const credential = generation?.isRevoked === true ? generation.credential : live.credential;
    if (credential === undefined) throw nothingToRevoke(names);
    this.#revoking += 1;
    try {
      const ask = (): Promise<void> => tools.revoke(credential, signal);
      await revokeStored(credential, { store, ask });
    } finally {
      this.#revoking -= 1;
      await this.withdraw();
    }
  }

  /** Whether `revoked` is what serves, and nobody here is having it revoked. */
  concerns(revoked: Credential): boolean {
    return revoked.id === this.#tools.live.credential?.id && this.#revoking === 0;
  }

  /** Serves something else than what is revoked, if there is anything, and has it replaced. Never rejects. */
  async withdraw(): Promise<void> {
    const { store, live, withdrawn } = this.#tools;
    const before = live.credential?.id;
    const stored = await store.read().catch(() => undefined);
    const best = stored?.generation?.isRevoked === true ? await this.#bestOf(stored) : undefined;
    // Its successor may serve by now.
    if (best !== undefined && live.credential?.id === before) this.#serve(best);
    withdrawn();
  }

  async #bestOf({ generation, standIn }: StoredState): Promise<Best> {
    if (generation !== undefined && generation.isRevoked !== true) return { generation, isStandIn: false };
    const { names, tools } = this.#tools;
    const isGood = standIn !== undefined && isInDate(standIn.credential, tools.host.clock.now());
    const other = isGood ? standIn : await tools.predecessor?.(names);
    return { generation: other ?? generation, isStandIn: other !== undefined };
  }

  #serve({ generation, isStandIn }: Best): void {
    const { live } = this.#tools;
    if (generation === undefined) return;
    if (isStandIn) live.serveStandIn(generation);
    else live.serve(generation, 'loaded');
  }
}

interface Best {
  readonly generation: StoredGeneration | undefined;
  readonly isStandIn: boolean;
}
