/** The proof that what an issuer answered with may displace what serves now. Nothing unproven is stored or served. */
import { type Credential, type CredentialInput, createCredential } from '../credential/credential.js';
import { messageOf, TlsmithError } from '../errors.js';
import { coversConfigured } from './stored-generation.js';

/** An issuer's clock may be a little ahead of ours; its certificate is good all the same. */
const CLOCK_SKEW_MS = 300_000;
/** Authorities date certificates back, each by its own measure: by an hour at most, as Let's Encrypt does. */
const BACKDATING_MS = 3_600_000;

/** What a certificate is measured against. */
export interface Expectation {
  /** Every one of these must be covered. */
  readonly names: readonly string[];
  /** The certificate that serves now. */
  readonly live: Credential | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/**
 * The credential in `input`, proven: a pair that this Node can serve, for every name, in date, and not older than
 * what it replaces.
 * @throws {@link TlsmithError} `ISSUED_CREDENTIAL_INVALID` that says which of these fails
 */
export function proveIssued(input: CredentialInput, expectation: Expectation): Credential {
  const credential = parsed(input, expectation);
  const fault = faultOf(credential, expectation);
  if (fault !== undefined) throw invalid(expectation, fault);
  return credential;
}

/** Whether `candidate` is a step forward from `live`: it ends later, or was at least not made earlier. */
export function isNotOlder(candidate: Credential, live: Credential): boolean {
  // One of another authority may live shorter, and be dated back further than what it replaces.
  return candidate.notAfter > live.notAfter || candidate.notBefore >= live.notBefore - BACKDATING_MS;
}

function parsed(input: CredentialInput, expectation: Expectation): Credential {
  try {
    const credential = createCredential(input, {
      cert: 'The certificate issued',
      key: 'The private key issued',
    });
    return credential;
  } catch (error) {
    throw invalid(expectation, messageOf(error), error);
  }
}

function faultOf(credential: Credential, { names, live, now }: Expectation): string | undefined {
  const missing = names.filter((name) => !coversConfigured(credential, name));
  if (missing.length > 0) return `it does not cover ${missing.join(', ')}`;
  if (credential.notAfter <= now) return `it expired on ${iso(credential.notAfter)}`;
  if (credential.notBefore > now + CLOCK_SKEW_MS) {
    return `it is not valid before ${iso(credential.notBefore)}, and the clock of this machine says ${iso(now)}`;
  }
  if (live === undefined) return undefined;
  if (credential.id === live.id) return 'it is the very certificate that it was to replace';
  // One that is not valid at this hour sets no standard: the clock may have been wrong when it was made.
  const isLiveInDate = live.notBefore <= now && now < live.notAfter;
  return isLiveInDate && !isNotOlder(credential, live)
    ? 'it is older than the one it was to replace'
    : undefined;
}

function invalid({ names }: Expectation, fault: string, cause?: unknown): TlsmithError {
  return new TlsmithError(
    'ISSUED_CREDENTIAL_INVALID',
    `The certificate issued for ${names.join(', ')} is not used: ${fault.replace(/\.$/, '')}.`,
    { names, ...(cause === undefined ? {} : { cause }) },
  );
}

function iso(instant: number): string {
  return new Date(instant).toISOString();
}
