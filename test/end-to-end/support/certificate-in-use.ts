// A server whose certificate is in use, before something happens to its renewal; and what authorities answer with then.
import { type AcmeOptions, memoryStorage, type SecureServerOptions } from '../../../src/index.js';
import type { ScriptedAnswer } from '../../support/pebble-front.js';
import { acmePage, acmeServing, type AcmeServing } from './acme-server.js';
import type { Keep } from './cleanup.js';
import type { FrontedPebble } from './fronted-pebble.js';

/** A server, with what it serves. */
export interface CertificateInUse extends AcmeServing {
  readonly name: string;
  readonly serialNumber: string;
}

/** How it is made. */
export interface CertificateInUseOptions extends FrontedPebble {
  readonly keep: Keep;
  readonly name: string;
  readonly server?: SecureServerOptions;
  readonly options?: Partial<AcmeOptions>;
}

/** Resolves when the certificate serves; requests are counted from then on. */
export async function certificateInUse({
  pebble,
  front,
  keep,
  name,
  server = {},
  options = {},
}: CertificateInUseOptions): Promise<CertificateInUse> {
  const { directoryUrl } = front;
  const serving = await acmeServing({
    ...{ pebble, keep, server: { storage: memoryStorage(), ...server } },
    options: { domains: name, directoryUrl, ...options },
  });
  await serving.secure.ready();
  const { serialNumber } = await acmePage(pebble, name);
  front.requests.length = 0;
  return { ...serving, name, serialNumber };
}

/**
 * A renewal that has to fail, and the serial number of what was in use before. Now and then Pebble has an order ready at once, without
 * a validation that could fail, although it is told to reuse none: then the next one is tried.
 */
export async function failedRenewal({ secure, name }: Pick<CertificateInUse, 'secure' | 'name'>): Promise<{
  readonly error: unknown;
  readonly serialNumber: string;
}> {
  for (let tries = 0; tries < 5; tries += 1) {
    const { serialNumber = '' } = secure.status().certificates[0] ?? {};
    const error: unknown = await secure.renew(name).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (error !== undefined) return { error, serialNumber };
  }
  throw new Error('It was renewed each time.');
}

/** A refusal in the authority's words (RFC 8555 §6.7). */
export function problem(type: string, detail: string, status = 403): ScriptedAnswer {
  return { status, body: { type: `urn:ietf:params:acme:error:${type}`, detail } };
}

/** An answer as JSON. */
export function json(value: object | string, status = 200): ScriptedAnswer {
  const body = typeof value === 'string' ? value : JSON.stringify(value);
  return { status, headers: { 'content-type': 'application/json' }, body };
}
