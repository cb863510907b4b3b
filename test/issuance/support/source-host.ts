/** A source's host that writes down what it is told. */
import type { Clock } from '../../../src/clock.js';
import { assertServable } from '../../../src/credential/credential.js';
import type { Finding } from '../../../src/credential/findings.js';
import { silentLogger } from '../../../src/logger.js';
import type { ListenerAddress, SourceEvent, SourceHost } from '../../../src/sources/certificate-source.js';
import { memoryStorage } from '../../../src/storage/memory-storage.js';

/** The host and what it was told. */
export interface RecordingHost extends SourceHost {
  readonly events: SourceEvent[];
  readonly findings: Finding[];
  readonly resolvedCodes: string[];
  readonly changes: (readonly string[] | undefined)[];
  readonly verified: { serverName: string; fingerprint256: string }[];
  /** Everything that happened, in order. */
  readonly journal: string[];
  /** What `verifyServed` rejects with, if anything. */
  servedFault: Error | undefined;
  /** Opens or closes listeners. */
  listen(addresses: readonly ListenerAddress[]): void;
}

/** What a host is made from. */
export interface RecordingHostOptions extends Partial<Pick<SourceHost, 'storage' | 'strict' | 'prepare'>> {
  readonly clock: Clock;
}

export function recordingHost(options: RecordingHostOptions): RecordingHost {
  let addresses: readonly ListenerAddress[] = [];
  const onChanges: (() => void)[] = [];
  const host: RecordingHost = {
    clock: options.clock,
    logger: silentLogger,
    storage: options.storage ?? memoryStorage(),
    strict: options.strict ?? false,
    events: [],
    findings: [],
    resolvedCodes: [],
    changes: [],
    verified: [],
    journal: [],
    servedFault: undefined,
    report: (finding) => host.findings.push(finding),
    resolved: (code) => host.resolvedCodes.push(code),
    changed: (names) => {
      host.changes.push(names);
      host.journal.push('changed');
    },
    notify: (event) => {
      host.events.push(event);
      host.journal.push(event.type === 'certificate' ? event.action : 'failed');
    },
    prepare: options.prepare ?? assertServable,
    listeners: (onChange) => {
      if (onChange !== undefined) onChanges.push(onChange);
      return addresses;
    },
    answer: () => () => undefined,
    answerFrom: () => () => undefined,
    verifyServed: (serverName, fingerprint256) => {
      host.verified.push({ serverName, fingerprint256 });
      host.journal.push('verified');
      return host.servedFault === undefined ? Promise.resolve() : Promise.reject(host.servedFault);
    },
    listen: (now) => {
      addresses = now;
      for (const onChange of onChanges) onChange();
    },
  };
  return host;
}

/** The TLS port of a server. */
export const TLS_LISTENER: ListenerAddress = { protocol: 'https', address: '127.0.0.1', port: 443 };
