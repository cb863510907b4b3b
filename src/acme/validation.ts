/** Getting the authorizations of an order (RFC 8555 §7.5): present, ask for validation, wait, take back. */
import type { Clock } from '../clock.js';
import { type ChallengeFailure, type ChallengePlan, nameOf } from './challenge-plan.js';
import type { AcmeClient } from './client.js';
import { poll } from './polling.js';
import type { Problem } from './problem.js';
import type { Authorization, Challenge } from './resources.js';
import { type ChallengeType, PresentationError, type Solver } from './solvers.js';

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
 * Validates all names of an order at the same time. What was presented is taken back when the last is decided: removing
 * the record of one name may remove that of another with some DNS providers, and authorities look more than once.
 * @returns the names that the authority could not validate
 */
export async function validateAll(
  authorizationUrls: readonly string[],
  tools: ValidationTools,
): Promise<readonly ChallengeFailure[]> {
  const presented: (() => Promise<void> | void)[] = [];
  const results = await Promise.allSettled(authorizationUrls.map((url) => validate(url, presented, tools)));
  await Promise.all(presented.map(async (takeBack) => takeBack()));
  const fault = results.find((result) => result.status === 'rejected');
  if (fault !== undefined) throw fault.reason;
  return results
    .map((result) => (result.status === 'fulfilled' ? result.value : undefined))
    .filter((failure) => failure !== undefined);
}

async function validate(
  url: string,
  presented: (() => Promise<void> | void)[],
  tools: ValidationTools,
): Promise<ChallengeFailure | undefined> {
  const { client, plan } = tools;
  const { resource: authorization } = await client.authorization(url);
  // It may arrive valid, from an earlier order: then a challenge must not be touched.
  if (authorization.status === 'valid') return undefined;
  if (authorization.status !== 'pending') return failureOf(authorization, { type: undefined, isOurs: false });
  const chosen = plan.choose(authorization);
  const takeBack = await present(authorization, chosen, tools);
  if (takeBack instanceof PresentationError) return unpresented(authorization, chosen, takeBack);
  presented.push(takeBack);
  return decide(url, chosen, tools);
}

interface Chosen {
  readonly solver: Solver;
  readonly challenge: Challenge;
}

async function present(
  { identifier }: Authorization,
  { solver, challenge: { token } }: Chosen,
  { client, clock, signal }: ValidationTools,
): Promise<(() => Promise<void> | void) | PresentationError> {
  const keyAuthorization = await client.keyAuthorization(token);
  try {
    return await solver.present({ identifier, token, keyAuthorization, now: clock.now(), signal });
  } catch (error) {
    if (error instanceof PresentationError) return error;
    throw error;
  }
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
    validated(nameOf(decided), type);
    return undefined;
  }
  const ended = decided ?? latest;
  return ended === undefined ? undefined : failureOf(ended, { type, isOurs });
}

function failureOf(
  authorization: Authorization,
  { type, isOurs }: Pick<ChallengeFailure, 'type' | 'isOurs'>,
): ChallengeFailure {
  const { challenges, status } = authorization;
  const told = challenges.find((challenge) => challenge.type === type)?.error;
  const other = challenges.find(({ error }) => error !== undefined)?.error;
  return { name: nameOf(authorization), type, isOurs, problem: told ?? other ?? undecided(status) };
}

function unpresented(
  authorization: Authorization,
  { solver: { type } }: Chosen,
  { message, cause }: PresentationError,
): ChallengeFailure {
  const problem = { type: 'solver', detail: message, subproblems: [] };
  return { name: nameOf(authorization), type, isOurs: true, problem, cause };
}

function undecided(status: string): Problem {
  const minutes = LONGEST_VALIDATION_MS / 60_000;
  const detail =
    status === 'pending' ? `it was not decided within ${minutes} minutes` : `the authorization is ${status}`;
  return { type: 'undecided', detail, subproblems: [] };
}
