/**
 * Which credential a client gets: the two-round selection of docs/design.md. Answers that are at hand are given
 * synchronously and without allocation; those that must be waited for are asked once, however many clients wait.
 */
import type { Clock } from '../clock.js';
import { coversName, type Credential, isInDate } from '../credential/credential.js';
import type { Finding } from '../credential/findings.js';
import { normalizeIpAddress } from '../credential/server-name.js';
import type { CertificateSource } from '../sources/certificate-source.js';
import { isPendingAnswer, SourceAnswers } from './source-answers.js';

/** A credential, nothing, or a promise of one of both that never rejects. */
export type Selection = Credential | undefined | Promise<Credential | undefined>;

/** How a selection is asked for. */
export interface SelectionOptions {
  /** False when no more clients may wait: sources that are not ready are passed over. */
  readonly mayWait: boolean;
}

/** What the resolver is made from. */
export interface ResolverOptions {
  readonly sources: readonly CertificateSource[];
  readonly clock: Clock;
  readonly defaultName: string | undefined;
  readonly report: (finding: Finding) => void;
}

const WAITING: SelectionOptions = { mayWait: true };

/** Asks the sources, in order. */
export class CredentialResolver {
  readonly #options: ResolverOptions;
  readonly #answers: SourceAnswers;
  readonly #inFlight = new Map<string, Promise<Credential | undefined>>();

  constructor(options: ResolverOptions) {
    this.#options = options;
    this.#answers = new SourceAnswers(options);
  }

  /** Round 1: the credential for a normalised server name; undefined when no source knows it. */
  find(serverName: string, { mayWait } = WAITING): Selection {
    const inFlight = mayWait && this.#inFlight.size > 0 ? this.#inFlight.get(serverName) : undefined;
    return inFlight ?? this.#search(serverName, mayWait ? FIRST_STEP : FIRST_STEP_WITHOUT_WAIT);
  }

  /** Round 2: the credential for a client without a known server name that reached `localAddress`. */
  default(localAddress: string | undefined, options = WAITING): Selection {
    const byAddress = this.#byAddress(localAddress, options);
    if (isPromise(byAddress))
      return byAddress.then((credential) => credential ?? this.#byDefaultName(options));
    return byAddress ?? this.#byDefaultName(options);
  }

  #byAddress(localAddress: string | undefined, options: SelectionOptions): Selection {
    const address = localAddress === undefined ? undefined : normalizeIpAddress(localAddress);
    if (address === undefined) return undefined;
    const selection = this.find(address, options);
    return isPromise(selection)
      ? selection.then((credential) => onlyIfCovering(credential, address))
      : onlyIfCovering(selection, address);
  }

  #byDefaultName(options: SelectionOptions): Selection {
    const { defaultName } = this.#options;
    if (defaultName === undefined) return this.#bySource(0, options);
    const selection = this.find(defaultName, options);
    if (isPromise(selection)) return selection.then((credential) => credential ?? this.#bySource(0, options));
    return selection ?? this.#bySource(0, options);
  }

  #bySource(from: number, options: SelectionOptions): Selection {
    const { sources } = this.#options;
    for (let index = from; index < sources.length; index += 1) {
      const answer = this.#answers.default(sources[index] as CertificateSource);
      if (!isPendingAnswer(answer)) {
        if (answer !== undefined) return answer;
      } else if (options.mayWait) {
        return answer.settled.then((credential) => credential ?? this.#bySource(index + 1, options));
      }
    }
    return undefined;
  }

  /** Goes on with the search at a source; asynchronous from the first answer that has to be waited for. */
  #search(serverName: string, { from, mayWait, lesser: before }: SearchStep): Selection {
    const { sources, clock } = this.#options;
    let lesser = before;
    for (let index = from; index < sources.length; index += 1) {
      const answer = this.#answers.find(sources[index] as CertificateSource, serverName);
      if (answer === undefined) continue;
      if (!isPendingAnswer(answer)) {
        if (isBestMatch(answer, serverName, clock.now())) return answer;
        lesser = betterOf(lesser, answer, serverName);
      } else if (mayWait) {
        const known = lesser;
        return this.#wait(serverName, answer.settled, (credential) =>
          credential !== undefined && isBestMatch(credential, serverName, clock.now())
            ? credential
            : this.#search(serverName, {
                from: index + 1,
                mayWait,
                lesser: betterOf(known, credential, serverName),
              }),
        );
      }
    }
    if (lesser !== undefined) this.#options.report(findingOf(lesser, serverName, clock.now()));
    return lesser;
  }

  /** Single flight: who asks for the same name meanwhile waits for the same answer. */
  #wait(
    serverName: string,
    answer: Promise<Credential | undefined>,
    goOn: (credential: Credential | undefined) => Selection,
  ): Promise<Credential | undefined> {
    const selection = answer.then(goOn).finally(() => {
      if (this.#inFlight.get(serverName) === selection) this.#inFlight.delete(serverName);
    });
    this.#inFlight.set(serverName, selection);
    return selection;
  }
}

/** A search about to ask the source at `from`; `lesser` is served for want of better. */
interface SearchStep extends SelectionOptions {
  readonly from: number;
  readonly lesser: Credential | undefined;
}

const FIRST_STEP: SearchStep = { from: 0, mayWait: true, lesser: undefined };
const FIRST_STEP_WITHOUT_WAIT: SearchStep = { from: 0, mayWait: false, lesser: undefined };

function isBestMatch(credential: Credential, serverName: string, now: number): boolean {
  return isInDate(credential, now) && coversName(credential, serverName);
}

/** Of two that are out of date or do not cover the name: the covering one, else the one valid longest. */
function betterOf(
  a: Credential | undefined,
  b: Credential | undefined,
  serverName: string,
): Credential | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const isCoveringA = coversName(a, serverName);
  if (isCoveringA !== coversName(b, serverName)) return isCoveringA ? a : b;
  return b.notAfter > a.notAfter ? b : a;
}

/** Why a lesser credential is served, and what to do. */
function findingOf(credential: Credential, serverName: string, now: number): Finding {
  const names = credential.names.join(', ');
  if (!coversName(credential, serverName)) {
    return {
      code: 'SOURCE_ANSWER_INVALID',
      severity: 'warning',
      message: `A source was asked for ${serverName} and answered with a certificate for ${names}; it is served because no source has a better one.`,
      hint: 'Answer undefined for names that the certificate does not cover.',
    };
  }
  if (credential.notBefore > now) {
    return {
      code: 'TLS_CERT_NOT_YET_VALID',
      severity: 'error',
      names: credential.names,
      message: `The certificate for ${names} is valid from ${isoOf(credential.notBefore)} only; it is served because no other matches.`,
      hint: `Install one that is valid, or mend this machine's clock (${isoOf(now)}).`,
    };
  }
  return {
    code: 'TLS_CERT_EXPIRED',
    severity: 'error',
    names: credential.names,
    message: `The certificate for ${names} expired at ${isoOf(credential.notAfter)}; it is still served because no other matches.`,
    hint: 'Renew it, put the new one in its place and call reload(); no restart is needed.',
  };
}

function isoOf(instant: number): string {
  return new Date(instant).toISOString();
}

function onlyIfCovering(credential: Credential | undefined, address: string): Credential | undefined {
  return credential !== undefined && coversName(credential, address) ? credential : undefined;
}

/** Whether a selection has to be waited for. */
export function isPromise(selection: Selection): selection is Promise<Credential | undefined> {
  return selection !== undefined && 'then' in selection;
}
