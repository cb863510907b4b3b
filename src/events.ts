/** The events of a server, and how they are emitted: a listener's fault stays the listener's. */
import type { EventEmitter } from 'node:events';
import type { Finding } from './credential/findings.js';
import type { TlsmithError } from './errors.js';
import { isPromiseLike } from './promise-like.js';

/** A certificate was loaded, issued, renewed or reloaded. */
export interface CertificateEvent {
  readonly action: 'loaded' | 'issued' | 'renewed' | 'reloaded';
  /** The source it comes from. */
  readonly source: string;
  readonly names: readonly string[];
  /** The new certificate's serial number. */
  readonly serialNumber: string;
  /** The serial number of the one it replaces. */
  readonly previousSerialNumber?: string;
  /** ISO 8601. */
  readonly notAfter: string;
}

/** A certificate runs out, or has. */
export interface ExpiryEvent {
  /** The source it comes from. */
  readonly source: string;
  readonly names: readonly string[];
  readonly serialNumber: string;
  /** ISO 8601. */
  readonly notAfter: string;
  /** Days left, rounded down; negative when it has expired. */
  readonly daysLeft: number;
  /** The subject of an intermediate that ends before the certificate does: `notAfter` and `daysLeft` are its own. */
  readonly intermediate?: string;
}

/** An attempt failed: to get a certificate, or to start in the background. */
export interface FailedEvent {
  readonly error: TlsmithError;
  /** The source that failed; absent when the server itself did. */
  readonly source?: string;
  readonly names: readonly string[];
  /** How many attempts in a row have failed. */
  readonly attempt: number;
  /** When the next one is due, ISO 8601; absent when none will follow by itself. */
  readonly nextAttempt?: string;
  /** The end of the certificate that serves meanwhile, ISO 8601; absent when none is in date. */
  readonly validUntil?: string;
}

/** The events of a {@link SecureServer} with their arguments. There is no `error` event. */
export interface SecureServerEvents {
  certificate: [CertificateEvent];
  expiring: [ExpiryEvent];
  expired: [ExpiryEvent];
  failed: [FailedEvent];
  warning: [Finding];
}

/** Calls every listener of an event, whatever the ones before it do; what they throw goes to `onFault`. */
export function emitGuarded<Name extends keyof SecureServerEvents>(
  emitter: EventEmitter<SecureServerEvents>,
  [event, argument]: readonly [Name, SecureServerEvents[Name][0]],
  onFault: (error: unknown) => void,
): void {
  // Not `emit`: there the first exception would keep later listeners from hearing of it.
  for (const listener of emitter.rawListeners(event)) {
    try {
      const result: unknown = Reflect.apply(listener, emitter, [argument]);
      if (isPromiseLike(result)) result.then(undefined, onFault);
    } catch (error) {
      onFault(error);
    }
  }
}
