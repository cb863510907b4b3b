/** How challenges are answered: one solver for each type (RFC 8555 §8.3, §8.4, RFC 8737). */
import type { ChallengeAnswer } from '../sources/certificate-source.js';
import { createValidationCertificate } from '../x509/validation-certificate.js';
import { validatorServerName } from './identifiers.js';
import type { Identifier } from './resources.js';

/** The types of challenge that can be answered. */
export type ChallengeType = 'tls-alpn-01' | 'http-01' | 'dns-01';

/** What has to be shown to a validator. */
export interface Presentation {
  /** Without `*.`, also for a wildcard. */
  readonly identifier: Identifier;
  readonly token: string;
  /** Token and account thumbprint (RFC 8555 §8.1). */
  readonly keyAuthorization: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Aborted when the attempt is given up. */
  readonly signal: AbortSignal;
}

/** Answers challenges of one type. */
export interface Solver {
  readonly type: ChallengeType;
  /**
   * Makes the answer visible. A {@link PresentationError} says that it could not, and that another type may.
   * @returns what takes it back, and never rejects
   */
  present(presentation: Presentation): Promise<() => Promise<void> | void>;
}

/** The answer to a challenge could not be made visible. */
export class PresentationError extends Error {
  constructor(message: string, cause: unknown) {
    super(message, { cause });
  }
}

/** Both solvers that need nothing but the server's own listeners. */
export function listenerSolvers(
  answer: (challenge: ChallengeAnswer) => Promise<() => void>,
): readonly Solver[] {
  return [
    {
      type: 'tls-alpn-01',
      present: async ({ identifier, keyAuthorization, now }) => {
        const credential = await createValidationCertificate({
          name: identifier.value,
          keyAuthorization,
          now,
        });
        return answer({ type: 'tls-alpn-01', identifier: validatorServerName(identifier), credential });
      },
    },
    {
      type: 'http-01',
      present: ({ token, keyAuthorization }) => answer({ type: 'http-01', token, keyAuthorization }),
    },
  ];
}
