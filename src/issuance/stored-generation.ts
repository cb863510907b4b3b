/**
 * How a certificate and its key are stored: one value, so that a reader sees both of one generation or neither.
 * Pure codec; nothing read here is believed before it is proven to be a pair for the right names.
 */
import { type Credential, createCredential } from '../credential/credential.js';
import { covers } from '../credential/server-name.js';
import { TlsmithError } from '../errors.js';

const FORMAT = 1;

/** A generation read back. */
export interface StoredGeneration {
  /** The pair, proven. */
  readonly credential: Credential;
  /** When it was issued, milliseconds since the epoch. */
  readonly issuedAt: number;
  /** Who has issued it, if that is not the issuer under whose name it is stored. */
  readonly issuerId?: string;
  /** Whether it is revoked, or its issuer is being asked to: it serves only until there is another one. */
  readonly isRevoked?: true;
}

/** What is written. */
export interface Generation {
  /** The names it was issued for. */
  readonly names: readonly string[];
  /** Chain and key. */
  readonly credential: Credential;
  /** When it was issued, milliseconds since the epoch. */
  readonly issuedAt: number;
  /** Who has issued it, if that is not the issuer under whose name it is stored. */
  readonly issuerId?: string;
  /** Whether it is revoked, or its issuer is being asked to. */
  readonly isRevoked?: true;
}

/** The one atomic value for a generation. It holds the private key: storage keeps it from other eyes. */
export function encodeGeneration({ credential, ...facts }: Generation): Uint8Array {
  const { names, issuedAt, issuerId, isRevoked } = facts;
  const { cert, key } = credential;
  const record = { format: FORMAT, names, cert, key, issuedAt, issuerId, isRevoked };
  return new TextEncoder().encode(JSON.stringify(record));
}

/**
 * Reads a stored generation and proves that it is a pair that covers every one of `names`.
 *
 * @param names - what the certificate must cover
 * @throws {@link TlsmithError} `STORAGE_CORRUPT`, or what `createCredential` finds wrong; never with any of the bytes
 */
export function decodeGeneration(bytes: Uint8Array, names: readonly string[]): StoredGeneration {
  const value = parseRecord(bytes);
  const { format, cert, key, issuedAt, issuerId, isRevoked } = value;
  if (format !== FORMAT || typeof cert !== 'string' || typeof key !== 'string') throw corrupt(names);
  const credential = createCredential(
    { cert, key },
    { cert: 'The stored certificate', key: 'The stored private key' },
  );
  const missing = names.filter((name) => !coversConfigured(credential, name));
  if (missing.length > 0) {
    throw new TlsmithError(
      'STORAGE_CORRUPT',
      `The stored certificate for ${names.join(', ')} does not cover ${missing.join(', ')}.`,
    );
  }
  return {
    credential,
    issuedAt: typeof issuedAt === 'number' ? issuedAt : credential.notBefore,
    ...(typeof issuerId === 'string' ? { issuerId } : {}),
    ...(isRevoked === true ? { isRevoked } : {}),
  };
}

/** Whether `credential` covers a configured name, which may itself be a wildcard. */
export function coversConfigured(credential: Credential, name: string): boolean {
  return name.startsWith('*.') ? credential.names.includes(name) : covers(credential.names, name);
}

/** The JSON object in `bytes`, or an empty one. The parser's message is dropped: it quotes what it could not read. */
export function parseRecord(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

function corrupt(names: readonly string[]): TlsmithError {
  return new TlsmithError(
    'STORAGE_CORRUPT',
    `What is stored as the certificate for ${names.join(', ')} cannot be read.`,
    { hint: 'It is replaced by the next certificate issued; the one before it serves if it is still good.' },
  );
}
