/** The library's own ACME issuer, with a model of the network in place of HTTPS. */
import { setServers } from 'node:dns';
import { acmeIssuer } from '../../src/issuance/acme-issuer.js';
import type { Issuer } from '../../src/issuance/issuer.js';
import type { Storage } from '../../src/storage/storage.js';
import { createCertificateRequest } from '../../src/x509/certificate-request.js';
import { generateKeyPair } from '../../src/x509/key-pair.js';
import type { ModelAuthority } from './model-authority.js';
import { modelNetwork, type NetworkOptions } from './model-network.js';
import type { SimulatedHost } from './simulated-host.js';

/** Nothing answers there. */
const NO_SERVER = '127.0.0.1:9';

/** What it is made with. */
export interface NetworkIssuerOptions extends Omit<NetworkOptions, 'isAnswered'> {
  readonly storage: Storage;
  readonly host: SimulatedHost;
}

/** An issuer, and what has happened at the other end of its network. */
export interface NetworkIssuer {
  readonly issuer: Issuer;
  readonly counts: ModelAuthority['counts'];
  readonly rateLimited: readonly string[];
}

export async function networkIssuer({
  storage,
  host,
  ...options
}: NetworkIssuerOptions): Promise<NetworkIssuer> {
  const wire = await modelNetwork({ ...options, isAnswered: (name) => host.answered.has(name) });
  const acme = acmeIssuer({
    ...{ host, storage, wire, directoryUrl: wire.directoryUrl, keyType: 'ecdsa-p256', manages: () => true },
    ...{ email: undefined, challenges: undefined, dnsSolver: undefined, accountKey: undefined },
    ...{ externalAccountBinding: undefined, preferredChain: undefined, lifetimeMs: undefined },
    ...{ profile: undefined, serverCa: undefined, agent: undefined },
  });
  await load();
  // The library looks up the names of public authorities' certificates: nobody is asked here.
  setServers([NO_SERVER]);
  let postponed = 0;
  const issuer: Issuer = {
    ...{ id: acme.id, isLocal: false },
    renewalInfo: (credential, signal, issuerId) => acme.renewalInfo!(credential, signal, issuerId),
    close: () => acme.close?.(),
    issue: async (request) => {
      try {
        return await acme.issue(request);
      } catch (error) {
        if ((error as { isPostponement?: true }).isPostponement === true) postponed += 1;
        throw error;
      }
    },
  };
  const { rateLimited } = wire;
  return {
    ...{ issuer, rateLimited },
    get counts() {
      return { ...wire.counts, postponed };
    },
  };
}

/** A clock that jumps would jump while libraries are read from disk. */
async function load(): Promise<void> {
  await import('acme-client');
  const { privateKey, publicKey } = await generateKeyPair('ecdsa-p256');
  await createCertificateRequest(['warm.test'], { keyType: 'ecdsa-p256', privateKey, publicKey });
}
