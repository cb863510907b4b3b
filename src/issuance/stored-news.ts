/** What other processes store of one certificate: read one time after the other, and once for all who ask meanwhile. */
import { messageOf } from '../errors.js';
import type { Logger } from '../logger.js';
import type { CertificateStore, StoredState } from './certificate-store.js';

/** Who is told. */
export interface NewsTools {
  readonly logger: Logger;
  /** Takes what was stored since the last time; what it throws is logged. */
  adopt(news: StoredState): void;
}

/** The news of one certificate. */
export class StoredNews {
  readonly #store: CertificateStore;
  readonly #tools: NewsTools;
  #reading: Promise<void> | undefined;
  #mayHaveMore = false;

  constructor(store: CertificateStore, tools: NewsTools) {
    this.#store = store;
    this.#tools = tools;
  }

  /** Reads; resolves when what was stored before this call has been adopted. */
  read(): Promise<void> {
    this.#mayHaveMore = true;
    this.#reading ??= this.#readAll().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  /** Resolves when nothing is read any more. */
  async settled(): Promise<void> {
    await this.#reading;
  }

  async #readAll(): Promise<void> {
    while (this.#mayHaveMore) {
      this.#mayHaveMore = false;
      // A storage that cannot be read right now is asked again; what serves is in memory.
      const news = await this.#store.readNews().catch(() => undefined);
      try {
        if (news !== undefined) this.#tools.adopt(news);
      } catch (error) {
        this.#tools.logger.error({}, `A listener failed: ${messageOf(error)}`);
      }
    }
  }
}
