/** The policies of one server with the client authentication of each, which is read, watched and read again together. */
import { ClientAuth } from './client-auth/client-auth.js';
import { Policies, type PolicySettings } from './handshake/policies.js';
import type { PolicyRules, ServerSettings } from './options.js';
import type { Reporter } from './reporter.js';

/** Makes the policies of a server. */
export function createPolicies(settings: ServerSettings, reporter: Reporter): Policies<ClientAuth> {
  const host = {
    clock: settings.clock,
    report: reporter.report.bind(reporter),
    resolved: (code: string, source: string): void => {
      reporter.resolved(code, { source });
    },
    fault: reporter.fault.bind(reporter),
  };
  const rulesOf = (name: string, { tls, clientAuth }: PolicyRules): PolicySettings<ClientAuth> => ({
    tls,
    clientAuth: clientAuth === undefined ? undefined : new ClientAuth(clientAuth, name, host),
  });
  return new Policies({
    ...settings,
    defaults: rulesOf('the server', settings),
    byName: new Map([...settings.policies].map(([name, rules]) => [name, rulesOf(name, rules)])),
  });
}

/** Reads authorities and revocation lists; when one cannot be read, nothing is left running. */
export async function startClientAuth(policies: Policies<ClientAuth>): Promise<void> {
  try {
    await Promise.all(policies.all.map(async ({ clientAuth }) => clientAuth?.start()));
  } catch (error) {
    await closeClientAuth(policies);
    throw error;
  }
}

/** Ends the watch over them. */
export async function closeClientAuth(policies: Policies<ClientAuth>): Promise<void> {
  await Promise.all(policies.all.map(async ({ clientAuth }) => clientAuth?.close()));
}
