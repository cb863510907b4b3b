/** The option `policies`: for each name what differs there, as complete settings. */
import { isIP } from 'node:net';
import { normalizeConfiguredName } from './credential/server-name.js';
import { assertKnownOptions } from './known-options.js';
import { invalid, isRecord } from './option-values.js';
import type { PolicyOptions, PolicyRules, SecureServerOptions } from './options.js';
import { parseClientAuth } from './parse-client-auth.js';
import { parseTls } from './parse-tls.js';

const KNOWN_OPTIONS: readonly (keyof PolicyOptions)[] = [
  'tlsBaseline',
  'minVersion',
  'maxVersion',
  'ciphers',
  'groups',
  'handshakeTimeoutMs',
  'sessionTickets',
  'clientAuth',
];

/** @throws `TypeError` naming the policy and the option that is misused */
export function parsePolicies(
  policies: SecureServerOptions['policies'],
  inherited: PolicyRules,
): ReadonlyMap<string, PolicyRules> {
  const parsed = new Map<string, PolicyRules>();
  if (policies === undefined) return parsed;
  if (!isRecord(policies)) throw invalid('policies', 'an object with an entry for each name');
  for (const [given, options] of Object.entries(policies)) {
    const name = parseName(given);
    if (parsed.has(name)) throw invalid('policies', `without two entries for ${name}`);
    parsed.set(name, parsePolicy(options, `policies['${given}'].`, inherited));
  }
  return parsed;
}

/** Clients send no addresses as server names (RFC 6066 §3), so a policy for one would never be chosen. */
function parseName(given: string): string {
  const name = normalizeConfiguredName(given);
  if (name !== undefined && isIP(name) === 0) return name;
  throw invalid(
    'policies',
    `an object whose keys are DNS names, exact or like *.example.com; '${given}' is none`,
  );
}

function parsePolicy(options: PolicyOptions, prefix: string, inherited: PolicyRules): PolicyRules {
  if (!isRecord(options)) throw invalid(prefix.slice(0, -1), 'an object');
  assertKnownOptions('createSecureServer', options, { known: KNOWN_OPTIONS, prefix });
  const tls = parseTls(options, { inherited: inherited.tls, prefix });
  const hasSessionTickets = parseTickets(options.sessionTickets, prefix) ?? tls.hasSessionTickets;
  const { clientAuth } = options;
  return {
    tls: { ...tls, hasSessionTickets },
    clientAuth:
      clientAuth === undefined
        ? inherited.clientAuth
        : clientAuth === false
          ? undefined
          : parseClientAuth(clientAuth, `${prefix}clientAuth`),
  };
}

function parseTickets(tickets: false | undefined, prefix: string): false | undefined {
  const given: unknown = tickets;
  if (given === undefined || given === false) return tickets;
  throw invalid(`${prefix}sessionTickets`, 'false or left out: their keys rotate as the server says');
}
