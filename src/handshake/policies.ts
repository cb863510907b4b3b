/**
 * Policies: which rules hold for which name. Each has TLS servers, ticket keys and a session id context of its own, so
 * that what one has authenticated is never believed by another: a ticket of one cannot even be read by the others.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../clock.js';
import { normalizeServerName, wildcardOf } from '../credential/server-name.js';
import { TicketKeys } from './ticket-keys.js';
import type { TlsSettings } from './tls-settings.js';

/** Whom clients' certificates are verified by, as PEM, one certificate or list each. */
export interface ClientTrust {
  readonly ca: readonly string[];
  readonly crl: readonly string[];
}

/** What a handshake has to know to ask clients for certificates. */
export interface ClientAuthentication {
  /** Whether a client without one that verifies fails. */
  readonly isRequired: boolean;
  /** As it holds now. */
  readonly trust: ClientTrust;
  /** Calls `listener` whenever the trust has changed. */
  onChange(listener: () => void): void;
}

/** What may differ from policy to policy. */
export interface PolicySettings<Auth extends ClientAuthentication = ClientAuthentication> {
  readonly tls: TlsSettings;
  readonly clientAuth: Auth | undefined;
}

/** The rules for some names. */
export interface Policy<
  Auth extends ClientAuthentication = ClientAuthentication,
> extends PolicySettings<Auth> {
  /** The name it is for, possibly with a wildcard; `default` for all others. */
  readonly name: string;
  readonly ticketKeys: TicketKeys;
  /** At most 32 bytes, as TLS has it. */
  readonly sessionIdContext: string;
}

/** What policies are made from. */
export interface PoliciesOptions<Auth extends ClientAuthentication> {
  readonly clock: Clock;
  readonly rotateTicketKeysEveryMs: number;
  /** For every name that has no other policy. */
  readonly defaults: PolicySettings<Auth>;
  /** By name, normalised: exact, or with a leading wildcard label. */
  readonly byName: ReadonlyMap<string, PolicySettings<Auth>>;
}

/** All policies of one server. */
export class Policies<Auth extends ClientAuthentication = ClientAuthentication> {
  readonly default: Policy<Auth>;
  readonly #byName: ReadonlyMap<string, Policy<Auth>>;

  constructor({ clock, rotateTicketKeysEveryMs, defaults, byName }: PoliciesOptions<Auth>) {
    const create = (name: string, { tls, clientAuth }: PolicySettings<Auth>): Policy<Auth> => {
      const ticketKeys = new TicketKeys(clock, rotateTicketKeysEveryMs);
      // A resumed session is not verified again: who has been revoked meanwhile must not come in by a ticket.
      clientAuth?.onChange(() => {
        ticketKeys.replace();
      });
      return { tls, clientAuth, name, ticketKeys, sessionIdContext: contextOf(name) };
    };
    this.default = create('default', defaults);
    this.#byName = new Map([...byName].map(([name, settings]) => [name, create(name, settings)]));
  }

  /** Every policy, the default one first. */
  get all(): Policy<Auth>[] {
    return [this.default, ...this.#byName.values()];
  }

  /** Whether there is a name with rules of its own. */
  get areSeveral(): boolean {
    return this.#byName.size > 0;
  }

  /** The policy for a server name as a client sent it; the default one for no name and for what is none. */
  for(sentName: string | undefined): Policy<Auth> {
    const name = sentName === undefined ? undefined : normalizeServerName(sentName);
    return name === undefined ? this.default : this.of(name);
  }

  /** The policy for a normalised name: exact before wildcard. */
  of(name: string): Policy<Auth> {
    const exact = this.#byName.get(name);
    if (exact !== undefined) return exact;
    const wildcard = wildcardOf(name);
    return (wildcard === undefined ? undefined : this.#byName.get(wildcard)) ?? this.default;
  }

  /** Begins to rotate the ticket keys of all. */
  start(): void {
    for (const { ticketKeys } of this.all) ticketKeys.start();
  }

  /** Ends the rotation. */
  close(): void {
    for (const { ticketKeys } of this.all) ticketKeys.close();
  }
}

/** Names are longer than a session id context may be. */
function contextOf(name: string): string {
  return createHash('sha256').update(`tlsmith:${name}`).digest('hex').slice(0, 32);
}
