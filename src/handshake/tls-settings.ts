/**
 * The TLS parameters of a policy, as node takes them: versions, ciphers and groups of Mozilla's server side TLS
 * guideline ("intermediate": TLS 1.2 and 1.3 with forward secrecy and AEAD only; "modern": TLS 1.3 only).
 */
import {
  createSecureContext,
  type SecureContextOptions,
  type SecureVersion,
  type TlsOptions,
} from 'node:tls';
import { constants } from 'node:crypto';

/** Mozilla's recommendation to follow. */
export type TlsBaseline = 'intermediate' | 'modern';

/** What a policy decides about the handshake. */
export interface TlsSettings {
  readonly minVersion: SecureVersion;
  readonly maxVersion: SecureVersion;
  /** OpenSSL cipher list; TLS 1.3 suites first. */
  readonly ciphers: string;
  /** Key agreement groups, most wanted first; undefined = a post-quantum hybrid where this Node has it, then X25519, P-256, P-384. */
  readonly groups: string | undefined;
  readonly handshakeTimeoutMs: number;
  readonly hasSessionTickets: boolean;
}

const TLS13_CIPHERS = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'];
const TLS12_CIPHERS = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
];
const POST_QUANTUM_GROUP = 'X25519MLKEM768';
/** Its number in the TLS Supported Groups registry. */
export const POST_QUANTUM_GROUP_ID = 0x11ec;
const DEFAULT_GROUPS = [POST_QUANTUM_GROUP, 'X25519', 'prime256v1', 'secp384r1'];

/** Versions and ciphers of a baseline. */
export function baselineSettings(
  baseline: TlsBaseline,
): Pick<TlsSettings, 'minVersion' | 'maxVersion' | 'ciphers'> {
  return baseline === 'modern'
    ? { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3', ciphers: TLS13_CIPHERS.join(':') }
    : {
        minVersion: 'TLSv1.2',
        maxVersion: 'TLSv1.3',
        ciphers: [...TLS13_CIPHERS, ...TLS12_CIPHERS].join(':'),
      };
}

/** The settings as options of `tls.createServer` and `https.createServer`; a handshake is cut at its timeout. */
export function tlsServerOptions(settings: TlsSettings): TlsOptions {
  return {
    minVersion: settings.minVersion,
    maxVersion: settings.maxVersion,
    ciphers: settings.ciphers,
    // Clients know best which cipher their hardware is fast at; all of ours are strong.
    honorCipherOrder: false,
    ecdhCurve: settings.groups ?? defaultGroups(),
    handshakeTimeout: settings.handshakeTimeoutMs,
    // Nobody needs a renegotiation of ours, and each costs as much as a handshake.
    secureOptions:
      constants.SSL_OP_NO_RENEGOTIATION | (settings.hasSessionTickets ? 0 : constants.SSL_OP_NO_TICKET),
  };
}

/** Whether servers with these settings agree on a post-quantum key where the client can. */
export function takesPostQuantum(settings: TlsSettings): boolean {
  return (settings.groups ?? defaultGroups()).split(':').includes(POST_QUANTUM_GROUP);
}

/** Why OpenSSL refuses these settings, or undefined when it takes them. */
export function refusalOf(settings: TlsSettings): unknown {
  return refusalOfContext(tlsServerOptions(settings));
}

/**
 * Node 20 leaves OpenSSL's error behind when it refuses groups, and the next private key that is read would be
 * blamed for it: a context that succeeds clears it. To be removed with Node 20.
 */
function refusalOfContext(options: SecureContextOptions): unknown {
  try {
    createSecureContext(options);
    return undefined;
  } catch (error) {
    createSecureContext();
    return error;
  }
}

let availableGroups: string | undefined;

/** What the running Node has of the groups wanted: a fact that is asked for only once in a process. */
function defaultGroups(): string {
  availableGroups ??= DEFAULT_GROUPS.filter(
    (group) => refusalOfContext({ ecdhCurve: group }) === undefined,
  ).join(':');
  return availableGroups;
}
