/** Client certificates of one policy: whom it trusts, and whether a client may come in. */
import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { alarm, type Clock } from '../clock.js';
import type { Finding } from '../credential/findings.js';
import { LazyPart } from './lazy-part.js';
import { peerCertificateOf } from '../handshake/peer-certificate.js';
import type { ClientAuthentication, ClientTrust } from '../handshake/policies.js';
import { isPromiseLike } from '../promise-like.js';
import type { ClientAuthSettings } from './client-auth-options.js';
import type { TrustPool } from './trust-pool.js';

/** Whether a client may come in. */
export type Verdict = 'admitted' | 'refused';

/** What client authentication needs of its server. */
export interface ClientAuthHost {
  readonly clock: Clock;
  readonly report: (finding: Finding) => void;
  readonly resolved: (code: string, source: string) => void;
  /** Told of what `allow` throws. */
  readonly fault: (message: string, error: unknown) => void;
}

const NOBODY: ClientTrust = { ca: [], crl: [] };
/** How long `allow` may take to answer. */
export const ALLOW_TIMEOUT_MS = 5_000;

/** Facts in node's places that only node sets by itself. */
interface Facts {
  authorized: boolean;
  authorizationError: string | null;
}

/** Asks for, verifies and judges client certificates. */
export class ClientAuth implements ClientAuthentication {
  trust: ClientTrust = NOBODY;
  readonly isRequired: boolean;
  readonly #settings: ClientAuthSettings;
  readonly #source: string;
  readonly #host: ClientAuthHost;
  readonly #listeners = new Set<() => void>();
  readonly #pool = new LazyPart<TrustPool>();

  /** @param policy - the name of the policy, for messages */
  constructor(settings: ClientAuthSettings, policy: string, host: ClientAuthHost) {
    this.#settings = settings;
    this.#source = `clientAuth of ${policy}`;
    this.#host = host;
    this.isRequired = settings.isRequired;
  }

  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** Reads authorities and lists, and begins to watch their files. */
  async start(): Promise<void> {
    await this.#pool.start(async () => {
      const { TrustPool } = await import('./trust-pool.js');
      const [origin, { clock, report, resolved }] = [this.#source, this.#host];
      return new TrustPool({
        settings: this.#settings,
        clock,
        origin,
        report: (finding) => {
          report({ source: origin, ...finding });
        },
        resolved: (code) => {
          resolved(code, origin);
        },
        adopt: (trust) => {
          this.trust = trust;
          for (const listener of this.#listeners) listener();
        },
      });
    });
  }

  /** Reads all again now. */
  async reload(): Promise<void> {
    await this.#pool.current?.reload();
  }

  /** Leaves nothing running. */
  async close(): Promise<void> {
    await this.#pool.close();
  }

  /**
   * Judges a client whose handshake is complete, and corrects what node says of it in `authorized` and
   * `authorizationError`: what node takes from a resumed session may be out of date or (Node 20 and 22, TLS 1.3) was
   * never true. Never rejects.
   */
  judge(socket: TLSSocket): Verdict | Promise<Verdict> {
    const certificate = peerCertificateOf(socket);
    if (certificate === undefined) return this.#without(socket, 'CLIENT_CERT_MISSING');
    if (!socket.authorized) return this.isRequired ? 'refused' : 'admitted';
    const now = this.#host.clock.now();
    if (now < Date.parse(certificate.validFrom)) return this.#without(socket, 'CERT_NOT_YET_VALID');
    if (now >= Date.parse(certificate.validTo)) return this.#without(socket, 'CERT_HAS_EXPIRED');
    const answer = this.#allowed(certificate);
    if (answer === true) return 'admitted';
    const refused = (): Verdict => this.#without(socket, 'CLIENT_CERT_NAME_NOT_ALLOWED');
    if (answer === false) return refused();
    // Not yet: an application that looks at it meanwhile (there is none) must not believe it.
    return answer.then((isAllowed) => (isAllowed ? 'admitted' : refused()));
  }

  #without(socket: TLSSocket, reason: string): Verdict {
    const facts = socket as unknown as Facts;
    facts.authorized = false;
    facts.authorizationError = reason;
    return this.isRequired ? 'refused' : 'admitted';
  }

  #allowed(certificate: X509Certificate): boolean | Promise<boolean> {
    const { allow } = this.#settings;
    if (allow === undefined) return true;
    try {
      const answer: unknown = allow(certificate);
      return isPromiseLike(answer) ? this.#inTime(answer) : answer === true;
    } catch (error) {
      this.#host.fault(`${this.#source}: allow threw`, error);
      return false;
    }
  }

  async #inTime(answer: PromiseLike<unknown>): Promise<boolean> {
    const { clock, fault } = this.#host;
    let cancel = (): void => undefined;
    const late = new Promise<never>((_, reject) => {
      cancel = alarm(clock, clock.now() + ALLOW_TIMEOUT_MS, () => {
        reject(new Error(`no answer within ${ALLOW_TIMEOUT_MS} ms.`));
      });
    });
    try {
      return (await Promise.race([answer, late])) === true;
    } catch (error) {
      fault(`${this.#source}: allow failed`, error);
      return false;
    } finally {
      cancel();
    }
  }
}
