/** Getting the authorizations of an order (RFC 8555 §7.5): present, ask for validation, wait, take back. */
import type { Clock } from '../clock.js';
import type { ChallengeFailure, ChallengePlan } from './challenge-plan.js';
import type { AcmeClient } from './client.js';
import { poll } from './polling.js';
import type { Problem } from './problem.js';
import type { Authorization, Challenge } from './resources.js';
import type { ChallengeType, Solver } from './solvers.js';

/** Some authorities leave a failed challenge undecided for ever. */
const LONGEST_VALIDATION_MS = 180_000;

/** What a validation works with. */
export interface ValidationTools {
  readonly client: AcmeClient;
  readonly clock: Clock;
  readonly plan: ChallengePlan;
  readonly signal: AbortSignal;
  /** Told of each name that was validated, and how. */
  readonly validated: (name: string, type: ChallengeType) => void;
}

/**
 * Validates all names of an order at the same time. Ends when the last has ended, so that nothing is presented any
 * more.
 * @returns the names that the authority could not validate
 */
export async function validateAll(
  authorizationUrls: readonly string[],
  tools: ValidationTools,
): Promise<readonly ChallengeFailure[]> {
  const results = await Promise.allSettled(authorizationUrls.map((url) => validate(url, tools)));
  const fault = results.find((result) => result.status === 'rejected');
  if (fault !== undefined) throw fault.reason;
  return results
    .map((result) => (result.status === 'fulfilled' ? result.value : undefined))
    .filter((failure) => failure !== undefined);
}

async function validate(url: string, tools: ValidationTools): Promise<ChallengeFailure | undefined> {
  const { client, clock, plan } = tools;
  const { resource: authorization } = await client.authorization(url);
  // It may arrive valid, from an earlier order: then a challenge must not be touched.
  if (authorization.status === 'valid') return undefined;
  if (authorization.status !== 'pending') return failureOf(authorization, { type: undefined, isOurs: false });
  const { solver, challenge } = plan.choose(authorization);
  const takeBack = await solver.present({
    identifier: authorization.identifier,
    token: challenge.token,
    keyAuthorization: await client.keyAuthorization(challenge.token),
    now: clock.now(),
  });
  try {
    return await decide(url, { solver, challenge }, tools);
  } finally {
    takeBack();
  }
}

interface Chosen {
  readonly solver: Solver;
  readonly challenge: Challenge;
}

async function decide(
  url: string,
  { solver: { type }, challenge }: Chosen,
  { client, clock, signal, validated }: ValidationTools,
): Promise<ChallengeFailure | undefined> {
  const isOurs = challenge.status === 'pending';
  if (isOurs) await client.startValidation(challenge.url);
  let latest: Authorization | undefined;
  const decided = await poll(
    async () => {
      const answer = await client.authorization(url);
      latest = answer.resource;
      return answer;
    },
    ({ status }) => status !== 'pending',
    { clock, signal, limitMs: LONGEST_VALIDATION_MS },
  );
  if (decided?.status === 'valid') {
    validated(decided.identifier.value, type);
    return undefined;
  }
  const ended = decided ?? latest;
  return ended === undefined ? undefined : failureOf(ended, { type, isOurs });
}

function failureOf(
  { identifier, status, challenges }: Authorization,
  { type, isOurs }: Pick<ChallengeFailure, 'type' | 'isOurs'>,
): ChallengeFailure {
  const told = challenges.find((challenge) => challenge.type === type)?.error;
  const other = challenges.find(({ error }) => error !== undefined)?.error;
  return { identifier, type, isOurs, problem: told ?? other ?? undecided(status) };
}

function undecided(status: string): Problem {
  const minutes = LONGEST_VALIDATION_MS / 60_000;
  const detail =
    status === 'pending' ? `it was not decided within ${minutes} minutes` : `the authorization is ${status}`;
  return { type: 'undecided', detail, subproblems: [] };
}
