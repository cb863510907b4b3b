/** Counts what node does on other threads for WebCrypto: a clock that jumps must not jump over it. */
import { createHook } from 'node:async_hooks';

/** Such as `SIGNREQUEST` and `KEYPAIRGENREQUEST`. */
const JOB = /^(?:SIGN|VERIFY|HASH|CIPHER|KEY\w*|DERIVEBITS|RANDOM\w*)REQUEST$/;

/** The jobs underway. */
export interface CryptoWork {
  readonly isUnderway: boolean;
  stop(): void;
}

export function cryptoWork(): CryptoWork {
  const underway = new Map<number, object>();
  const ended = (id: number): void => {
    underway.delete(id);
  };
  const hook = createHook({
    init: (id, type, _triggerId, job) => {
      if (JOB.test(type)) underway.set(id, job);
    },
    after: ended,
    destroy: ended,
  }).enable();
  return {
    get isUnderway() {
      // Those without a callback are synchronous, so they are over.
      for (const [id, job] of underway) if (!('ondone' in job)) underway.delete(id);
      return underway.size > 0;
    },
    stop: () => {
      hook.disable();
    },
  };
}
