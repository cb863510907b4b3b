/**
 * Which type of challenge is tried for which name. A failed authorization is final (RFC 8555 §7.1.6), so another type
 * means another order; what has failed, and with which words, is kept for the error that ends it all.
 */
import { TlsmithError, type TlsmithErrorCode } from '../errors.js';
import { type Problem, problemHint } from './problem.js';
import type { Authorization, Challenge } from './resources.js';
import type { ChallengeType, Solver } from './solvers.js';

/** A name that could not be validated. */
export interface ChallengeFailure {
  /** As it was ordered, with `*.` for a wildcard. */
  readonly name: string;
  /** Undefined when the authorization had ended before anything was tried here. */
  readonly type: ChallengeType | undefined;
  readonly problem: Problem;
  /** Whether this process asked for the validation: else it may have failed because nobody was there to answer. */
  readonly isOurs: boolean;
  /** What went wrong on this side, if it was this side. */
  readonly cause?: unknown;
}

/** The name that an authorization is about, as it was ordered (RFC 8555 §7.1.4). */
export function nameOf({ identifier, isWildcard }: Authorization): string {
  return isWildcard ? `*.${identifier.value}` : identifier.value;
}

/** No other type of challenge mends these: the name does not resolve, or its CAA records forbid it. */
const HOPELESS = new Set(['dns', 'caa', 'rejectedIdentifier']);
/** What a validator says that has met somebody else's TLS server, or one without `acme-tls/1`. */
const NOT_OUR_SERVER = new Set(['unauthorized', 'incorrectResponse', 'tls']);

/** Some authorities have one type for everything that fails, and tell what it was in words. */
const UNREACHED = /failed to connect|connection refused|timed? ?out/i;

/** The choice for one attempt. */
export class ChallengePlan {
  readonly #solvers: () => readonly Solver[];
  readonly #failures: ChallengeFailure[] = [];
  /** By name: the types that the authority offers. Once an authorization is decided it shows only the one tried. */
  readonly #offered = new Map<string, readonly string[]>();

  /** @param solvers - in the order in which they are tried */
  constructor(solvers: () => readonly Solver[]) {
    this.#solvers = solvers;
  }

  /** What has failed so far. */
  get failures(): readonly ChallengeFailure[] {
    return this.#failures;
  }

  /** @throws {@link TlsmithError} `ACME_CHALLENGE_UNAVAILABLE` when the authority offers none that is left */
  choose(authorization: Authorization): { readonly solver: Solver; readonly challenge: Challenge } {
    const { challenges } = authorization;
    const name = nameOf(authorization);
    const solvers = this.#solvers();
    this.#offered.set(
      name,
      challenges.map(({ type }) => type),
    );
    const options = solvers
      .filter(({ type }) => !this.#hasFailed(name, type))
      .map((solver) => ({ solver, challenge: challenges.find(({ type }) => type === solver.type) }))
      .filter((option): option is Option => option.challenge !== undefined);
    // One that an earlier process has begun can only be finished.
    const chosen = options.find(({ challenge }) => challenge.status === 'processing') ?? options[0];
    if (chosen !== undefined) return chosen;
    const [failed] = this.#failures;
    if (failed !== undefined) throw challengeError(this.#failures);
    const offered = challenges.map(({ type }) => type).join(', ');
    const ours = solvers.map(({ type }) => type).join(', ');
    throw new TlsmithError(
      'ACME_CHALLENGE_UNAVAILABLE',
      `The certificate authority offers ${offered || 'nothing'} to validate ${name}, and this server can answer ${ours || 'nothing'}.`,
      {
        names: [name],
        hint: 'Open the listener that is missing (`http: true` for http-01), or allow the type in `challenges`, such as dns01(solver).',
      },
    );
  }

  /**
   * Takes what failed out of the choice.
   * @throws {@link TlsmithError} that says what failed, when nothing is left that might work
   */
  exclude(failures: readonly ChallengeFailure[]): void {
    this.#failures.push(...failures);
    const isHopeless = failures.some((failure) => isFinal(failure) || !this.#isAnyLeft(failure.name));
    if (isHopeless) throw challengeError(this.#failures);
  }

  #isAnyLeft(name: string): boolean {
    const offered = this.#offered.get(name);
    return this.#solvers().some(
      ({ type }) => !this.#hasFailed(name, type) && (offered === undefined || offered.includes(type)),
    );
  }

  #hasFailed(name: string, challengeType: ChallengeType): boolean {
    return this.#failures.some((failure) => failure.type === challengeType && failure.name === name);
  }
}

/** Whether no other type of challenge can mend it. A record that was looked up and is missing is of dns-01 alone. */
function isFinal({ type, problem }: ChallengeFailure): boolean {
  return HOPELESS.has(problem.type) && !(type === 'dns-01' && problem.type === 'dns');
}

interface Option {
  readonly solver: Solver;
  readonly challenge: Challenge;
}

/** One sentence for each failure, in the authority's words. */
export function describeFailure({ name, type, problem }: ChallengeFailure): string {
  const by = type === undefined ? '' : ` by ${type}`;
  return `${name}${by}: ${problem.detail.replace(/\.$/, '') || problem.type} (${problem.type})`;
}

function challengeError(failures: readonly ChallengeFailure[]): TlsmithError {
  const [first] = failures;
  const code = first === undefined ? 'ACME_CHALLENGE_FAILED' : codeOf(first);
  const cause = failures.find((failure) => failure.cause !== undefined)?.cause;
  return new TlsmithError(code, `${whoFailed(code)} ${failures.map(describeFailure).join('; ')}.`, {
    hint: hintFor(code, first?.type),
    names: [...new Set(failures.map(({ name }) => name))],
    failures: failures.map(({ name, type, problem }) => ({ name, type, problem })),
    ...(cause === undefined ? {} : { cause }),
  });
}

function whoFailed(code: TlsmithErrorCode): string {
  return code === 'ACME_SOLVER_FAILED'
    ? 'The solver of dns01() failed for'
    : 'The certificate authority could not validate';
}

function codeOf({ type, problem }: ChallengeFailure): TlsmithErrorCode {
  if (problem.type === 'solver') return 'ACME_SOLVER_FAILED';
  if (problem.type === 'dns') return 'ACME_DNS';
  if (problem.type === 'caa') return 'ACME_CAA';
  if (type === 'dns-01') return 'ACME_CHALLENGE_FAILED';
  if (problem.type === 'connection' || UNREACHED.test(problem.detail)) return 'ACME_CONNECTION';
  if (type === 'tls-alpn-01' && NOT_OUR_SERVER.has(problem.type)) return 'ACME_ALPN_INTERCEPTED';
  return 'ACME_CHALLENGE_FAILED';
}

function hintFor(code: TlsmithErrorCode, type: ChallengeType | undefined): string {
  if (code === 'ACME_SOLVER_FAILED')
    return 'Mend what `present` does, or what it is allowed to; `cause` has its own error. It is tried again by itself.';
  if (type === 'dns-01' && code !== 'ACME_CAA')
    return 'The TXT record was not there when the authority looked: `present` must resolve only once all authoritative name servers answer with it, and must add to records of the same name.';
  switch (code) {
    case 'ACME_ALPN_INTERCEPTED':
      return 'Something else answered at port 443: a load balancer or CDN that terminates TLS, or another server. Let it pass TLS through, use `http: true` for http-01, or get the certificate there.';
    case 'ACME_CHALLENGE_FAILED':
      return 'Something else answered in place of this server, or nobody did. Check what the name points to, by A and by AAAA.';
    default:
      return problemHint(code) ?? '';
  }
}
