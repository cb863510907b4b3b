/** What a source needs of its server, and of its storage, in a simulation. */
import { assertServable } from '../../src/credential/credential.js';
import { silentLogger } from '../../src/logger.js';
import type { SourceEvent, SourceHost } from '../../src/sources/certificate-source.js';
import type { Storage } from '../../src/storage/storage.js';
import type { VirtualClock } from './virtual-clock.js';

/** Is told what happens. */
export interface Recorder {
  write(what: string, about: string): void;
  note(event: SourceEvent): void;
}

/** A server's side of a source, and the names that it answers TLS-ALPN-01 challenges for. */
export interface SimulatedHost extends SourceHost {
  readonly answered: ReadonlySet<string>;
}

/** A server's side of a source. */
export function simulatedHost(clock: VirtualClock, storage: Storage, record: Recorder): SimulatedHost {
  const answered = new Set<string>();
  return {
    answered,
    clock,
    storage,
    logger: silentLogger,
    strict: false,
    report: (finding) => {
      record.write(finding.code, finding.message);
    },
    resolved: () => undefined,
    changed: () => undefined,
    notify: (event) => {
      record.note(event);
    },
    prepare: assertServable,
    listeners: () => [{ protocol: 'https', address: '127.0.0.1', port: 443 }],
    answer: (challenge) => {
      if (challenge.type !== 'tls-alpn-01') return () => undefined;
      answered.add(challenge.identifier);
      return () => answered.delete(challenge.identifier);
    },
    answerFrom: () => () => undefined,
    verifyServed: () => Promise.resolve(),
  };
}

/** Lets the clock know of each call: what follows it needs a turn. */
export function stirring(storage: Storage, clock: VirtualClock): Storage {
  const stirred = <Result>(result: Result): Result => {
    clock.stir();
    return result;
  };
  return {
    get: (key) => stirred(storage.get(key)),
    put: (key, bytes, options) => stirred(storage.put(key, bytes, options)),
    delete: (key, options) => stirred(storage.delete(key, options)),
    list: (prefix) => stirred(storage.list(prefix)),
    lock: (key, options) => stirred(storage.lock(key, options)),
    watch: (prefix, onChange) =>
      storage.watch?.(prefix, (key) => {
        clock.stir();
        onChange(key);
      }) ?? (() => undefined),
  };
}
