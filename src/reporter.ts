/**
 * Where everything that happens is told: findings, certificate changes, refused connections. It keeps the findings
 * for `status()`, counts, logs within bounds, and hands events on.
 */
import { BoundedMap } from './bounded-map.js';
import type { Clock } from './clock.js';
import type { Finding } from './credential/findings.js';
import { codeOf, isTlsmithError, messageOf, TlsmithError } from './errors.js';
import type { CertificateEvent, FailedEvent, SecureServerEvents } from './events.js';
import { ExpiredLines } from './expired-lines.js';
import type { WatchedCertificate } from './expiry.js';
import { expiryEvent, expiryLine } from './expiry-lines.js';
import { findingKey } from './handshake/open-findings.js';
import type { HandshakeFailure } from './diagnosis/handshake-failures.js';
import { FailedHandshakes } from './failed-handshakes.js';
import type { AdmissionRefusalCode } from './admission/admission.js';
import type { RefusalCode, RefusalFacts } from './handshake/refusals.js';
import type { Logger } from './logger.js';
import { Counters } from './metrics.js';
import { RecurringFindings } from './recurring-findings.js';
import { RepeatedLog } from './repeated-log.js';
import type { SourceEvent } from './sources/certificate-source.js';
import { type KnownCertificates, UnmatchedNames } from './unmatched-names.js';

const KEPT_FINDINGS = 1_000;
const UNKNOWN_NAME_HINT =
  'If the name is yours, add it to a certificate, or a certificate for it to a source; if not, somebody points its DNS here or scans.';

const PLAIN_HTTP_HINT =
  'Use https:// there. If it is a proxy or a health check, set its scheme: nginx `proxy_pass https://…`, a probe of Kubernetes `scheme: HTTPS`.';

const HINTS: Readonly<Partial<Record<RefusalCode | AdmissionRefusalCode, string>>> = {
  PEER_NOT_ALLOWED: 'If the client is to be let in, add its address or network to `allowPeers`.',
  PROXY_HEADER_INVALID: 'See what sends it; if it is no proxy, take its address out of `proxyProtocol.from`.',
  PROXY_HEADER_MISSING:
    'Make the proxy send a PROXY header (nginx: proxy_protocol on; haproxy: send-proxy-v2), or take its address out of `proxyProtocol.from`.',
  TOO_MANY_HANDSHAKES:
    'Somebody begins handshakes and leaves them; limit new connections in the firewall, or put a proxy in front.',
  PROXY_HEADER_UNEXPECTED: 'If the peer is a proxy of yours, add its address to `proxyProtocol.from`.',
};

/** Hands an event to whoever listens; never throws. */
export type Emit = <Name extends keyof SecureServerEvents>(
  event: Name,
  argument: SecureServerEvents[Name][0],
) => void;

/** Which findings are taken back. */
interface ResolvedFindings {
  readonly source: string | undefined;
  readonly names?: readonly string[];
  readonly owner?: object;
}

/** Tells people what happens. */
export class Reporter {
  readonly counters = new Counters();
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #emit: Emit;
  readonly #repeated: RepeatedLog;
  readonly #findings = new BoundedMap<string, Finding>(KEPT_FINDINGS);
  /** Two sources may share a name, such as two folders. */
  readonly #owners = new WeakMap<Finding, object>();
  /** Apart from the others, which strangers must not be able to displace. */
  readonly #recurring: RecurringFindings;
  readonly #failedHandshakes: FailedHandshakes;
  readonly #unmatched: UnmatchedNames;
  readonly #expiredLines: ExpiredLines;
  /** For messages about names that no certificate covers. */
  certificates: KnownCertificates = { namesAtHand: () => [], lookedFor: () => '' };

  constructor(logger: Logger, clock: Clock, emit: Emit) {
    this.#logger = logger;
    this.#clock = clock;
    this.#emit = emit;
    this.#repeated = new RepeatedLog(logger, clock);
    this.#failedHandshakes = new FailedHandshakes(this.#repeated);
    this.#unmatched = new UnmatchedNames(clock, {
      namesAtHand: () => this.certificates.namesAtHand(),
      lookedFor: (serverName) => this.certificates.lookedFor(serverName),
    });
    this.#expiredLines = new ExpiredLines(clock);
    this.#recurring = new RecurringFindings(clock, (finding) => {
      const { message, severity, ...facts } = finding;
      if (this.#expiredLines.isNews(finding)) logger[levelOf(severity)](facts, message);
      emit('warning', finding);
    });
  }

  /** Findings that still hold, oldest first; those of handshakes last, with how often they were met. */
  get findings(): (Finding & { readonly count?: number })[] {
    const recurring = this.#recurring.findings;
    // What handshakes meet again, such as an expired certificate, was perhaps told when it was loaded.
    const met = new Set(recurring.map(findingKey));
    return [...[...this.#findings.values()].filter((finding) => !met.has(findingKey(finding))), ...recurring];
  }

  /** Tells of a finding, once as long as it holds; of a source's own says so by `owner`. */
  report(finding: Finding, owner?: object): void {
    const key = `${finding.code} ${finding.source ?? ''} ${finding.message}`;
    if (this.#findings.get(key) !== undefined) return;
    this.#findings.set(key, finding);
    if (owner !== undefined) this.#owners.set(finding, owner);
    const { message, severity, ...facts } = finding;
    if (this.#expiredLines.isNews(finding)) {
      this.#repeated.write(
        levelOf(severity),
        `${finding.code} ${finding.source ?? ''} ${finding.names?.join() ?? ''}`,
        [facts, message],
      );
    }
    this.#emit('warning', finding);
  }

  /**
   * Tells of a finding that handshakes or timers make, each time it is met: one per code, source and certificate,
   * told at once, then at most once in five minutes; it holds until it is taken back or stays away for as long.
   */
  reportRecurring(finding: Finding): void {
    this.#recurring.report(finding);
  }

  /** Takes back what {@link Reporter.reportRecurring} was told. */
  resolvedRecurring(finding: Finding): void {
    this.#recurring.delete(finding);
  }

  /** Takes back findings of a code, for these names or for all; not those that another owner has told of. */
  resolved(code: string, { source, names, owner }: ResolvedFindings): void {
    const isMeant = (finding: Finding): boolean =>
      finding.code === code &&
      finding.source === source &&
      (owner === undefined || (this.#owners.get(finding) ?? owner) === owner) &&
      (names === undefined || names.some((name) => finding.names?.includes(name)));
    for (const [key, finding] of this.#findings.entries()) if (isMeant(finding)) this.#findings.delete(key);
    this.#recurring.resolved(isMeant);
  }

  /** Forgets findings, as at a new start. */
  clear(): void {
    this.#findings.clear();
    this.#recurring.clear();
    this.#expiredLines.clear();
  }

  /** Tells what a source says. */
  notify(source: string, event: SourceEvent): void {
    if (event.type === 'failed') {
      const { names, error, attempt, nextAttempt, validUntil } = event;
      this.failed({
        source,
        names,
        error,
        attempt,
        ...(nextAttempt === undefined ? {} : { nextAttempt: isoOf(nextAttempt) }),
        ...(validUntil === undefined ? {} : { validUntil: isoOf(validUntil) }),
      });
      return;
    }
    const { action, credential, previous } = event;
    this.counters.certificates.increment(action);
    this.#certificate({
      action,
      source,
      names: credential.names,
      serialNumber: credential.serialNumber,
      ...(previous === undefined ? {} : { previousSerialNumber: previous.serialNumber }),
      notAfter: isoOf(credential.notAfter),
    });
  }

  /** Tells of a failed attempt. */
  failed(event: FailedEvent): void {
    this.counters.certificates.increment('failed');
    const { error, ...facts } = event;
    const { validUntil } = facts;
    const meanwhile =
      validUntil === undefined
        ? ''
        : ` The certificate in use goes on serving, until ${validUntil} at the latest.`;
    this.#logger.error({ code: error.code, hint: error.hint, ...facts }, `${error.message}${meanwhile}`);
    this.#emit('failed', event);
  }

  /** Tells that a certificate, or an intermediate of its chain, runs out, or has. */
  expiry(kind: 'expiring' | 'expired', watched: WatchedCertificate): void {
    const event = expiryEvent(watched, this.#clock.now());
    const { message, ...facts } = expiryLine(kind, event);
    const { code } = facts;
    if (this.#expiredLines.isNews({ code, source: event.source, names: event.names, message }))
      this.#logger[kind === 'expired' ? 'error' : 'warn']({ ...facts, ...event }, message);
    this.#emit(kind, event);
  }

  /** Tells of a connection that was turned away before its handshake. */
  refused(code: RefusalCode | AdmissionRefusalCode, facts: RefusalFacts): void {
    this.counters.handshakes.increment(code);
    const { cause, ...known } = facts;
    const { serverName, reason } = facts;
    if (code === 'SERVER_NAME_UNKNOWN' && serverName !== undefined) {
      this.#repeated.write('warn', code, [
        { code, ...known, hint: UNKNOWN_NAME_HINT },
        `Connection refused: ${this.#unmatched.add(serverName)}.`,
      ]);
      return;
    }
    const asked = serverName === undefined ? '' : ` for ${serverName}`;
    const message = `Connection${asked} refused: ${reason}${cause === undefined ? '' : ` (${messageOf(cause)})`}.`;
    // Port scans and health checks are everybody's weather; a name without certificate is somebody's mistake.
    const level = code.startsWith('CLIENT_HELLO') ? 'info' : 'warn';
    const kind = code === 'SERVER_NAME_UNKNOWN' ? `${code} (none sent)` : code;
    const hint = kind === code ? HINTS[code] : 'Set defaultName to the name that such clients get.';
    this.#repeated.write(level, kind, [{ code, ...known, ...(hint === undefined ? {} : { hint }) }, message]);
  }

  /** Tells of a name that no certificate covers and whose clients get the default one. */
  unmatched(serverName: string): void {
    const code = 'SERVER_NAME_UNKNOWN';
    // To serve them is what was configured; a client that minds says so itself, and that is a warning.
    this.#repeated.write('info', `${code} (default)`, [
      { code, serverName, hint: UNKNOWN_NAME_HINT },
      `${this.#unmatched.add(serverName)}. Clients get the default certificate, which does not fit.`,
    ]);
  }

  /** Tells of plain HTTP on the TLS port; where it is redirected, that is nothing to warn about. */
  plainHttp(
    { remoteAddress, localPort }: Pick<RefusalFacts, 'remoteAddress' | 'localPort'>,
    { isRedirected }: { readonly isRedirected: boolean },
  ): void {
    const code = 'TLS_PLAIN_HTTP_ON_TLS_PORT';
    this.counters.handshakes.increment(code);
    const port = localPort === undefined ? '' : ` ${localPort}`;
    this.#repeated.write(isRedirected ? 'info' : 'warn', code, [
      { code, remoteAddress, hint: PLAIN_HTTP_HINT },
      `${remoteAddress ?? 'A client'} sent plain HTTP to the TLS port${port}.`,
    ]);
  }

  /** Tells of a request that was answered 421; the name it was for is a stranger's, and so is not printed. */
  misdirected(policy: string): void {
    const code = 'REQUEST_MISDIRECTED';
    this.counters.misdirected.increment(policy);
    this.#repeated.write('info', `${code} ${policy}`, [
      {
        code,
        policy,
        hint: 'A browser asks again on a connection of its own; other clients must send the name they connect to.',
      },
      `A request was answered 421: its connection has the policy ${policy}, and the name it asks for another one.`,
    ]);
  }

  /** Tells of a handshake that failed. */
  handshakeFailed(failure: HandshakeFailure): void {
    const isTimeout = codeOf(failure.error) === 'ERR_TLS_HANDSHAKE_TIMEOUT';
    this.counters.handshakes.increment(isTimeout ? 'HANDSHAKE_TIMEOUT' : 'failed');
    this.#failedHandshakes.add(failure);
  }

  /** Tells of a client that was let in although its certificate does not verify. */
  unauthorized(error: unknown, remoteAddress: string | undefined, serverName?: string): void {
    this.#failedHandshakes.add({ error, remoteAddress, serverName, outcome: 'admitted' });
  }

  /** Tells of a fault that belongs to nobody else, such as a listener's exception. */
  fault(message: string, error: unknown): void {
    this.#repeated.write('error', `fault ${message}`, [
      { reason: messageOf(error) },
      `${message}: ${messageOf(error)}`,
    ]);
  }

  /** Writes the log lines that are still held back. */
  close(): void {
    this.#failedHandshakes.close();
    this.#repeated.close();
    this.#recurring.close();
  }

  #certificate(event: CertificateEvent): void {
    const names = event.names.join(', ');
    this.#logger.info(
      event,
      `Certificate for ${names} ${event.action} (${event.source}), valid until ${event.notAfter}.`,
    );
    this.#emit('certificate', event);
  }
}

/** Anything thrown as a coded error; `code` is used for what has none of ours. */
export function asTlsmithError(error: unknown, code: 'SOURCE_FAILED' | 'LISTEN_FAILED'): TlsmithError {
  return isTlsmithError(error) ? error : new TlsmithError(code, messageOf(error), { cause: error });
}

function levelOf(severity: Finding['severity']): 'info' | 'warn' | 'error' {
  return severity === 'info' ? 'info' : severity === 'warning' ? 'warn' : 'error';
}

function isoOf(instant: number): string {
  return new Date(instant).toISOString();
}
