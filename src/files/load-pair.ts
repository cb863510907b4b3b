/**
 * From the files of a pair to a proven credential and all that is worth telling about it. Both sources that read
 * files load their pairs here, so that the same fault has the same words everywhere.
 */
import { assertServable, createCredentialFor, type Credential } from '../credential/credential.js';
import type { Finding } from '../credential/findings.js';
import { leaveToSource } from '../credential/inspected.js';
import { TlsmithError } from '../errors.js';
import { keyExposure } from './key-exposure.js';
import { explainedPairError } from './pair-errors.js';
import type { PairMaterial } from './pair-material.js';
import { staleCopy } from './stale-copy.js';
import { writableFiles } from './writable-by-others.js';

/** Makes what serves a credential, or throws why it cannot be served. */
export type Prepare = (credential: Credential) => void;

/** A pair that may be served. */
export interface LoadedPair {
  readonly credential: Credential;
  /** Everything worth telling, `credential.findings` included; none of severity `error`. */
  readonly findings: readonly Finding[];
}

/** A pair that is proven, and may be served before it is looked at closely. */
export interface ProvenPair {
  readonly credential: Credential;
  /**
   * Everything worth telling about it, `credential.findings` included.
   * @param now - milliseconds since the epoch
   * @throws {@link TlsmithError} a finding of severity `error`: it must not be served
   */
  readonly examine: (now: number) => Promise<readonly Finding[]>;
}

/**
 * Proves what was read.
 * @param prepare - makes what will serve it, as `SourceHost.prepare` does
 * @throws {@link TlsmithError} when it must not be served: a file that cannot be read (`TLS_FILE_…`) or understood
 * (`TLS_PEM_…`), a key that does not belong or open (`TLS_KEY_…`)
 */
export async function provePair(
  material: PairMaterial,
  prepare: Prepare = assertServable,
): Promise<ProvenPair> {
  const credential = await proven(material, prepare);
  // Before it is served: the server would inspect it, too, without knowing its files.
  leaveToSource(credential);
  return { credential, examine: (now) => examined(credential, material, now) };
}

/** Proves what was read and looks at it closely; throws as {@link provePair} and {@link ProvenPair.examine}. */
export async function loadPair(material: PairMaterial, now: number): Promise<LoadedPair> {
  const { credential, examine } = await provePair(material);
  return { credential, findings: await examine(now) };
}

async function examined(
  credential: Credential,
  material: PairMaterial,
  now: number,
): Promise<readonly Finding[]> {
  // Loaded only by servers that read files: every import of the package would pay for it otherwise.
  const { inspect } = await import('../diagnosis/inspect.js');
  const files = { certFile: material.certFile.path, keyFile: material.keyFile.path };
  const [writable, ...others] = await Promise.all([
    writableFiles(material),
    keyExposure(material),
    staleCopy(credential, material),
  ]);
  const findings = [
    ...credential.findings,
    ...inspect(credential, { now, files }),
    ...writable,
    ...others.filter((finding) => finding !== undefined),
  ];
  const error = findings.find(({ severity }) => severity === 'error');
  if (error === undefined) return findings;
  const { code, message, hint } = error;
  throw new TlsmithError(code, message, hint === undefined ? {} : { hint });
}

async function proven(material: PairMaterial, prepare: Prepare): Promise<Credential> {
  try {
    return createCredentialFor(prepare, material.input, material.origin);
  } catch (error) {
    throw await explainedPairError(error, material);
  }
}
