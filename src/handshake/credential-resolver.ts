/**
 * Which credential a client gets: the two-round selection of docs/design.md. Answers that are at hand are given
 * synchronously and without allocation; those that must be waited for are asked once, however many clients wait.
 */
import { BoundedMap } from '../bounded-map.js';
import { coversName, type Credential, isInDate } from '../credential/credential.js';
import type { Finding } from '../credential/findings.js';
import { normalizeIpAddress } from '../credential/server-name.js';
import { isPromiseLike } from '../promise-like.js';
import { type CertificateSource, nameOfSource } from '../sources/certificate-source.js';
import { OpenFindings } from './open-findings.js';
import { type AnswerContext, isPendingAnswer, SourceAnswers } from './source-answers.js';

/** A credential, nothing, or a promise of one of both that never rejects. */
export type Selection = Credential | undefined | Promise<Credential | undefined>;

/** How a selection is asked for. */
export interface SelectionOptions {
  /** False when no more clients may wait: sources that are not ready are passed over. */
  readonly mayWait: boolean;
}

/** What the resolver is made from. */
export interface ResolverOptions extends AnswerContext {
  readonly sources: readonly CertificateSource[];
  readonly defaultName: string | undefined;
}

const WAITING: SelectionOptions = { mayWait: true };
/** How long "no certificate for this local address" is believed, lest every unknown name asks all sources twice. */
const WITHOUT_CERTIFICATE_MS = 5_000;
const REMEMBERED_ADDRESSES = 1_000;

/** Asks the sources, in order. */
export class CredentialResolver {
  readonly #options: ResolverOptions;
  readonly #answers: SourceAnswers;
  readonly #lesser: OpenFindings;
  readonly #inFlight = new Map<string, Promise<Credential | undefined>>();
  /** Local addresses that no source has a certificate for, and until when that is believed. */
  readonly #withoutCertificate = new BoundedMap<string, number>(REMEMBERED_ADDRESSES);

  constructor(options: ResolverOptions) {
    this.#options = options;
    this.#answers = new SourceAnswers(options);
    this.#lesser = new OpenFindings(options);
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

  /** To be called when a source has other certificates than before: nothing found out about them is kept. */
  changed(): void {
    this.#withoutCertificate.clear();
    this.#lesser.takeBack();
  }

  #byAddress(localAddress: string | undefined, { mayWait }: SelectionOptions): Selection {
    const address = localAddress === undefined ? undefined : normalizeIpAddress(localAddress);
    if (address === undefined) return undefined;
    const { clock } = this.#options;
    if (clock.now() < (this.#withoutCertificate.get(address) ?? -Infinity)) return undefined;
    const inFlight = mayWait ? this.#inFlight.get(flightOf(address, ADDRESS_STEP)) : undefined;
    const selection = inFlight ?? this.#search(address, mayWait ? ADDRESS_STEP : ADDRESS_STEP_WITHOUT_WAIT);
    const remembered = (credential: Credential | undefined): Credential | undefined => {
      if (credential === undefined && mayWait)
        this.#withoutCertificate.set(address, clock.now() + WITHOUT_CERTIFICATE_MS);
      return credential;
    };
    return isPromise(selection) ? selection.then(remembered) : remembered(selection);
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
  #search(serverName: string, step: SearchStep): Selection {
    const { sources, clock } = this.#options;
    let { lesser } = step;
    for (let index = step.from; index < sources.length; index += 1) {
      const source = sources[index] as CertificateSource;
      const answer = this.#answers.find(source, serverName);
      if (answer === undefined) continue;
      if (isPendingAnswer(answer)) {
        if (step.mayWait) return this.#wait(serverName, answer.settled, { ...step, from: index, lesser });
      } else {
        if (isBestMatch(answer, serverName, clock.now())) return this.#best(answer, serverName);
        lesser = betterOf(lesser, { credential: answer, source }, serverName);
      }
    }
    return step.isByAddress ? undefined : this.#leftOver(lesser, serverName);
  }

  #best(credential: Credential, serverName: string): Credential {
    this.#lesser.answeredWell(serverName);
    return credential;
  }

  /** The end of a search without a best match: loudly what there is, or nothing. */
  #leftOver(lesser: Lesser | undefined, serverName: string): Credential | undefined {
    if (lesser === undefined) this.#lesser.answeredWell(serverName);
    else this.#lesser.report(serverName, findingOf(lesser, serverName, this.#options.clock.now()));
    return lesser?.credential;
  }

  /** Single flight: who asks for the same name meanwhile waits for the same answer. */
  #wait(
    serverName: string,
    answer: Promise<Credential | undefined>,
    step: SearchStep,
  ): Promise<Credential | undefined> {
    const flight = flightOf(serverName, step);
    const selection = answer
      .then((credential) => this.#goOn(serverName, credential, step))
      .finally(() => {
        if (this.#inFlight.get(flight) === selection) this.#inFlight.delete(flight);
      });
    this.#inFlight.set(flight, selection);
    return selection;
  }

  /** A source that was waited for has answered. */
  #goOn(serverName: string, credential: Credential | undefined, step: SearchStep): Selection {
    const { sources, clock } = this.#options;
    if (credential !== undefined && isBestMatch(credential, serverName, clock.now()))
      return this.#best(credential, serverName);
    const source = sources[step.from] as CertificateSource;
    const lesser =
      credential === undefined ? step.lesser : betterOf(step.lesser, { credential, source }, serverName);
    return this.#search(serverName, { ...step, from: step.from + 1, lesser });
  }
}

/** An answer that is out of date or does not cover the name, and whose it is. */
interface Lesser {
  readonly credential: Credential;
  readonly source: CertificateSource;
}

/** A search about to ask the source at `from`; `lesser` is served for want of better. */
interface SearchStep extends SelectionOptions {
  readonly from: number;
  readonly lesser: Lesser | undefined;
  /** Nobody has asked for the address: only what covers it is taken, and nothing else is worth a word. */
  readonly isByAddress: boolean;
}

const FIRST_STEP: SearchStep = { from: 0, mayWait: true, lesser: undefined, isByAddress: false };
const FIRST_STEP_WITHOUT_WAIT: SearchStep = { ...FIRST_STEP, mayWait: false };
const ADDRESS_STEP: SearchStep = { ...FIRST_STEP, isByAddress: true };
const ADDRESS_STEP_WITHOUT_WAIT: SearchStep = { ...ADDRESS_STEP, mayWait: false };

/** Searches that end alike share a flight; a server name has no spaces. */
function flightOf(serverName: string, { isByAddress }: SearchStep): string {
  return isByAddress ? `address ${serverName}` : serverName;
}

function isBestMatch(credential: Credential, serverName: string, now: number): boolean {
  return isInDate(credential, now) && coversName(credential, serverName);
}

/** Of two that are out of date or do not cover the name: the covering one, else the one valid longest. */
function betterOf(a: Lesser | undefined, b: Lesser, serverName: string): Lesser {
  if (a === undefined) return b;
  const isCoveringA = coversName(a.credential, serverName);
  if (isCoveringA !== coversName(b.credential, serverName)) return isCoveringA ? a : b;
  return b.credential.notAfter > a.credential.notAfter ? b : a;
}

/** Why a lesser credential is served, and what to do. */
function findingOf({ credential, source: from }: Lesser, serverName: string, now: number): Finding {
  const names = credential.names.join(', ');
  const source = nameOfSource(from);
  if (!coversName(credential, serverName)) {
    return {
      code: 'SOURCE_ANSWER_INVALID',
      severity: 'warning',
      source,
      message: `Source ${source} was asked for ${serverName} and answered with a certificate for ${names}; it is served because no source has a better one.`,
      hint: 'Answer undefined for names that the certificate does not cover.',
    };
  }
  if (credential.notBefore > now) {
    return {
      code: 'TLS_CERT_NOT_YET_VALID',
      severity: 'error',
      source,
      names: credential.names,
      message: `The certificate for ${names} is valid from ${isoOf(credential.notBefore)} only; it is served because no other matches.`,
      hint: `Install one that is valid, or mend this machine's clock (${isoOf(now)}).`,
    };
  }
  return {
    code: 'TLS_CERT_EXPIRED',
    severity: 'error',
    source,
    names: credential.names,
    message: `The certificate for ${names} expired at ${isoOf(credential.notAfter)}; it is still served because no other matches.`,
    hint: 'Renew it, put the new one in its place and call reload(); no restart is needed.',
  };
}

function isoOf(instant: number): string {
  return new Date(instant).toISOString();
}

/** Whether a selection has to be waited for. */
export function isPromise(selection: Selection): selection is Promise<Credential | undefined> {
  return isPromiseLike(selection);
}
