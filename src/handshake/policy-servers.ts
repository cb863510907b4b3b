/** The TLS servers of all policies in front of one application: the name in the hello decides which complete it. */
import type { Server } from 'node:tls';
import type { Credential } from '../credential/credential.js';
import type { ClientHello } from './client-hello.js';
import type { ClientAuthentication, Policies, Policy } from './policies.js';
import type { HandshakeServers, TlsServers } from './tls-servers.js';

/** Hands each connection to the servers of its policy. */
export class PolicyServers<Auth extends ClientAuthentication> implements HandshakeServers {
  readonly #policies: Policies<Auth>;
  readonly #servers: ReadonlyMap<Policy<Auth>, TlsServers>;

  constructor(policies: Policies<Auth>, create: (policy: Policy<Auth>) => TlsServers) {
    this.#policies = policies;
    this.#servers = new Map(policies.all.map((policy) => [policy, create(policy)]));
  }

  serverFor(credential: Credential, hello: ClientHello): Server {
    // Every policy has servers: the map was made from all of them.
    return (this.#servers.get(this.#policies.for(hello.serverName)) as TlsServers).serverFor(
      credential,
      hello,
    );
  }

  /** In the policy that its first name belongs to; another one makes its own when a client comes. */
  prepare(credential: Credential): void {
    const [name] = credential.names;
    (this.#servers.get(this.#policies.for(name)) as TlsServers).prepare(credential);
  }

  enableKeylog(onKeylog: Parameters<TlsServers['enableKeylog']>[0]): void {
    for (const servers of this.#servers.values()) servers.enableKeylog(onKeylog);
  }
}
