/** An issuer that does what a test wrote into its script: issue, fail, hang, or answer with what must not be used. */
import type { Clock } from '../../../src/clock.js';
import type { Credential, CredentialInput } from '../../../src/credential/credential.js';
import type { IssueRequest, Issuer } from '../../../src/issuance/issuer.js';
import type { CryptoProvider } from '../../../src/x509/crypto-provider.js';
import { createSelfSignedCertificate } from '../../../src/x509/self-signed-certificate.js';

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** One line of the script. */
export type Step =
  | 'issue'
  | 'hang'
  /** Hangs and does not listen to the signal. */
  | 'hang deaf'
  | 'wrong pair'
  | 'wrong names'
  | 'expired'
  | 'older'
  /** As another authority might issue it: it lives a day, and is dated back further than what it replaces. */
  | 'short and dated back'
  | 'not yet valid'
  | 'garbage'
  | 'the same again'
  /** Waits for `release()`, then issues. */
  | 'wait'
  | { readonly fail: unknown };

/** What a scripted issuer can be told besides. */
export interface ScriptedIssuerOptions {
  readonly clock: Clock;
  readonly crypto?: CryptoProvider | undefined;
  readonly id?: string;
  readonly isLocal?: boolean;
  readonly lifetimeMs?: number;
}

/** The issuer and its controls. */
export interface ScriptedIssuer extends Issuer {
  /** Every request, in order. */
  readonly requests: IssueRequest[];
  /** How often it was started and closed. */
  readonly life: { started: number; closed: number };
  /** What the next requests get; after that, certificates. */
  readonly script: Step[];
  /** What it was asked to revoke, in order, and did not refuse. */
  readonly revoked: Credential[];
  /** What revocations are rejected with, or wait for, if anything. */
  revocationFault: Error | Promise<void> | undefined;
  /** What requests for this first name get, always. */
  readonly always: Map<string, Step>;
  /** Lets those go on that wait. */
  release(): void;
}

export function scriptedIssuer(options: ScriptedIssuerOptions): ScriptedIssuer {
  const waiting: (() => void)[] = [];
  let last: CredentialInput | undefined;
  const issuer: ScriptedIssuer = {
    id: options.id ?? 'scripted',
    isLocal: options.isLocal ?? true,
    requests: [],
    life: { started: 0, closed: 0 },
    script: [],
    always: new Map(),
    revoked: [],
    revocationFault: undefined,
    revoke: async (credential) => {
      if (issuer.revocationFault instanceof Error) throw issuer.revocationFault;
      issuer.revoked.push(credential);
      await issuer.revocationFault;
    },
    release: () => {
      for (const go of waiting.splice(0)) go();
    },
    start: () => {
      issuer.life.started += 1;
    },
    close: () => {
      issuer.life.closed += 1;
    },
    async issue(request) {
      issuer.requests.push(request);
      const step = issuer.always.get(request.names[0] ?? '') ?? issuer.script.shift() ?? 'issue';
      if (step === 'wait') await new Promise<void>((resolve) => waiting.push(resolve));
      if (step === 'the same again' && last !== undefined) return last;
      last = await perform(step, request, options);
      return last;
    },
  };
  return issuer;
}

async function perform(
  step: Step,
  { names, signal, previous }: IssueRequest,
  options: ScriptedIssuerOptions,
): Promise<CredentialInput> {
  const now = options.clock.now();
  const validity = { notBefore: now - HOUR_MS, notAfter: now + (options.lifetimeMs ?? 90 * DAY_MS) };
  const make = (
    changes: Partial<typeof validity> & { names?: readonly string[] } = {},
  ): Promise<CredentialInput> => testPair({ names, ...validity, crypto: options.crypto, ...changes });
  if (typeof step === 'object') throw step.fail;
  switch (step) {
    case 'hang':
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          reject(signal.reason);
        });
      });
    case 'hang deaf':
      return new Promise(() => undefined);
    case 'wrong pair':
      return { cert: (await make()).cert, key: (await make()).key };
    case 'wrong names':
      return make({ names: ['elsewhere.test'] });
    case 'expired':
      return make({ notBefore: now - 2 * DAY_MS, notAfter: now - DAY_MS });
    case 'older':
      return make({
        notBefore: (previous?.notBefore ?? now) - DAY_MS,
        notAfter: (previous?.notAfter ?? now) - DAY_MS,
      });
    case 'short and dated back':
      return make({ notBefore: (previous?.notBefore ?? now) - HOUR_MS / 2, notAfter: now + DAY_MS });
    case 'not yet valid':
      return make({ notBefore: now + DAY_MS });
    case 'garbage':
      return { cert: 'no certificate', key: 'no key' };
    default:
      return make();
  }
}

/** A pair as an issuer would make it. */
export function testPair(request: {
  names: readonly string[];
  notBefore: number;
  notAfter: number;
  crypto?: CryptoProvider | undefined;
}): Promise<{ cert: string; key: string }> {
  const { crypto, ...rest } = request;
  return createSelfSignedCertificate({
    ...rest,
    keyType: 'ecdsa-p256',
    ...(crypto === undefined ? {} : { crypto }),
  });
}
