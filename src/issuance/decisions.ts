/** Answers to the question which names may have a certificate: asked once by all at a time, refusals remembered. */
import { BoundedMap } from '../bounded-map.js';
import type { Clock } from '../clock.js';
import { messageOf, TlsmithError } from '../errors.js';
import { settledOrAborted } from './abortable.js';

const FIRST_REFUSAL_MS = 60_000;
const LONGEST_REFUSAL_MS = 3_600_000;
const REMEMBERED_REFUSALS = 10_000;
const LONGEST_DECISION_MS = 30_000;

interface Refusal {
  readonly since: number;
  readonly lastsMs: number;
}

/** Who decides, and by which clock. */
export interface DecisionTools {
  readonly allow: (name: string) => boolean | Promise<boolean>;
  readonly clock: Clock;
}

/** The decisions. */
export class Decisions {
  readonly #tools: DecisionTools;
  readonly #asking = new Map<string, Promise<boolean>>();
  /** Kept past their time, so that the next one lasts longer. */
  readonly #refusals = new BoundedMap<string, Refusal>(REMEMBERED_REFUSALS);

  constructor(tools: DecisionTools) {
    this.#tools = tools;
  }

  /** Whether the name was refused a short while ago. */
  isRefused(name: string): boolean {
    const refusal = this.#refusals.get(name);
    if (refusal === undefined) return false;
    const elapsedMs = this.#tools.clock.now() - refusal.since;
    return elapsedMs >= 0 && elapsedMs < refusal.lastsMs;
  }

  /**
   * Whether the name may have a certificate.
   * @throws {@link TlsmithError} `NAME_NOT_ALLOWED` when whoever decides throws, or does not answer within 30 seconds
   */
  ask(name: string): Promise<boolean> {
    if (this.isRefused(name)) return Promise.resolve(false);
    const asking = this.#asking.get(name);
    if (asking !== undefined) return asking;
    const decision = this.#decide(name).finally(() => this.#asking.delete(name));
    this.#asking.set(name, decision);
    return decision;
  }

  async #decide(name: string): Promise<boolean> {
    // Whatever is not plainly `true` is a refusal: the answer may come from JavaScript.
    const isAllowed = ((await this.#answer(name)) as unknown) === true;
    if (isAllowed) this.#refusals.delete(name);
    else this.#refuse(name);
    return isAllowed;
  }

  #refuse(name: string): void {
    const lastMs = this.#refusals.get(name)?.lastsMs ?? FIRST_REFUSAL_MS / 2;
    const lastsMs = Math.min(2 * lastMs, LONGEST_REFUSAL_MS);
    this.#refusals.set(name, { since: this.#tools.clock.now(), lastsMs });
  }

  async #answer(name: string): Promise<boolean> {
    const { allow, clock } = this.#tools;
    const limit = new AbortController();
    const timer = clock.setTimeout(() => {
      limit.abort(new Error(`it did not answer within ${LONGEST_DECISION_MS / 1_000} seconds`));
    }, LONGEST_DECISION_MS);
    try {
      return await settledOrAborted((async () => allow(name))(), limit.signal, { clock, graceMs: 0 });
    } catch (error) {
      throw new TlsmithError(
        'NAME_NOT_ALLOWED',
        `No certificate is ordered for ${name}, because \`onDemand.allow\` failed: ${messageOf(error)}`,
        { names: [name], cause: error },
      );
    } finally {
      clock.clearTimeout(timer);
    }
  }
}
