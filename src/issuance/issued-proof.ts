/** The proof that what an issuer answered with may displace what serves now. Nothing unproven is stored or served. */
import { type Credential, type CredentialInput, createCredential } from '../credential/credential.js';
import { isTlsmithError, messageOf, TlsmithError, type TlsmithErrorDetails } from '../errors.js';
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
  const { names, now } = expectation;
  const missing = names.filter((name) => !coversConfigured(credential, name));
  if (missing.length > 0) throw invalid(expectation, `it does not cover ${missing.join(', ')}`);
  const dates = dateFaultOf(credential, now);
  if (dates !== undefined) throw invalid(expectation, dates, { isOutOfDate: true });
  const fault = stalenessOf(credential, expectation);
  if (fault !== undefined) throw invalid(expectation, fault);
  return credential;
}

/** Whether what was issued was refused for its dates alone: then the clock of this machine is likely to be wrong. */
export function isOutOfDate(error: unknown): boolean {
  return isTlsmithError(error) && error['isOutOfDate'] === true;
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
    throw invalid(expectation, messageOf(error), { cause: error });
  }
}

function stalenessOf(credential: Credential, { live, now }: Expectation): string | undefined {
  if (live === undefined) return undefined;
  if (credential.id === live.id) return 'it is the very certificate that it was to replace';
  // One that is not valid at this hour sets no standard: the clock may have been wrong when it was made.
  const isLiveInDate = live.notBefore <= now && now < live.notAfter;
  return isLiveInDate && !isNotOlder(credential, live)
    ? 'it is older than the one it was to replace'
    : undefined;
}

function dateFaultOf({ notBefore, notAfter }: Credential, now: number): string | undefined {
  const clock = `and the clock of this machine says ${iso(now)}`;
  if (notAfter <= now) return `it expired on ${iso(notAfter)}, ${clock}`;
  if (notBefore > now + CLOCK_SKEW_MS) return `it is not valid before ${iso(notBefore)}, ${clock}`;
  return undefined;
}

function invalid({ names }: Expectation, fault: string, facts: TlsmithErrorDetails = {}): TlsmithError {
  return new TlsmithError(
    'ISSUED_CREDENTIAL_INVALID',
    `The certificate issued for ${names.join(', ')} is not used: ${fault.replace(/\.$/, '')}.`,
    { names, ...facts },
  );
}

function iso(instant: number): string {
  return new Date(instant).toISOString();
}
