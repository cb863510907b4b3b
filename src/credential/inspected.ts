/** Credentials that their source inspects itself: it knows the files, and tells what it finds. */
import type { Credential } from './credential.js';

const inspectedBySource = new WeakSet<Credential>();

/** Says that the source inspects the credential, now or later. */
export function leaveToSource(credential: Credential): void {
  inspectedBySource.add(credential);
}

/** Whether nobody else has to inspect it. */
export function isLeftToSource(credential: Credential): boolean {
  return inspectedBySource.has(credential);
}
