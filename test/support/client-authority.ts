// An authority for client certificates: what clients show, and lists of what has been revoked.
import { sign } from 'node:crypto';
import { signCertificate, type KeyPurpose } from './certificate-writer.js';
import {
  bitString,
  der,
  integer,
  objectIdentifier,
  pem,
  sequence,
  set,
  smallInteger,
  time,
  utf8String,
} from './der.js';
import { newTestKey, privateKeyPem, type TestKey, type TestKeyType } from './test-keys.js';

const DAY_MS = 86_400_000;

/** What a client certificate is to be like. */
export interface ClientRequest {
  readonly name: string;
  readonly keyType?: TestKeyType;
  readonly purposes?: readonly KeyPurpose[];
  readonly notBefore?: number;
  readonly notAfter?: number;
  /** Hexadecimal. */
  readonly serialNumber?: string;
  /** How many authorities stand between this one and the certificate; they are sent along. */
  readonly intermediates?: number;
  /** So many further names, to make it large. */
  readonly names?: readonly string[];
}

/** A certificate and its key, as `tls.connect` takes them. */
export interface ClientPair {
  readonly cert: string;
  readonly key: string;
}

/** When a list was made, two days ago by default, and until when it is good. */
export interface ListValidity {
  readonly thisUpdate?: number;
  readonly nextUpdate: number;
}

/** An authority without intermediates, unless they are asked for. */
export interface ClientAuthority {
  readonly pem: string;
  issue(request: ClientRequest): Promise<ClientPair>;
  /** A list of these serial numbers, valid for a day unless said otherwise. */
  revocationList(serials: readonly string[], validity?: ListValidity): string;
}

/** Makes one, valid for 80 days unless said otherwise. */
export async function clientAuthority(
  name: string,
  validity: { readonly notBefore?: number; readonly notAfter?: number } = {},
): Promise<ClientAuthority> {
  const key = await newTestKey('ecdsa-p256');
  return {
    pem: certificate({ subject: name, issuer: name, isAuthority: true, ...validity }, key, key),
    async issue(request) {
      const { names, keyType = 'ecdsa-p256', intermediates = 0 } = request;
      let issuer = { name, key };
      const chain: string[] = [];
      for (let level = 1; level <= intermediates; level += 1) {
        const next = { name: `${name} ${level}`, key: await newTestKey('ecdsa-p256') };
        chain.unshift(
          certificate({ subject: next.name, issuer: issuer.name, isAuthority: true }, next.key, issuer.key),
        );
        issuer = next;
      }
      const own = await newTestKey(keyType);
      const leaf = certificate(
        { ...request, subject: request.name, issuer: issuer.name, isAuthority: false, names },
        own,
        issuer.key,
      );
      return { cert: [leaf, ...chain].join(''), key: privateKeyPem(own, { format: 'pkcs8' }) };
    },
    revocationList: (serials, { thisUpdate, nextUpdate } = { nextUpdate: Date.now() + DAY_MS }) => {
      const algorithm = sequence(objectIdentifier('1.2.840.10045.4.3.2'));
      const revoked = serials.map((serial) =>
        sequence(integer(Buffer.from(serial, 'hex')), time(Date.now() - 2 * DAY_MS)),
      );
      const toBeSigned = sequence(
        smallInteger(1),
        algorithm,
        sequence(set(sequence(objectIdentifier('2.5.4.3'), utf8String(name)))),
        time(thisUpdate ?? Date.now() - 2 * DAY_MS),
        time(nextUpdate),
        ...(revoked.length === 0 ? [] : [der(0x30, ...revoked)]),
      );
      const signature = sign('sha256', toBeSigned, key.privateKey);
      return pem('X509 CRL', sequence(toBeSigned, algorithm, bitString(signature)));
    },
  };
}

interface Described {
  readonly subject: string;
  readonly issuer: string;
  readonly isAuthority: boolean;
  readonly purposes?: readonly KeyPurpose[] | undefined;
  readonly notBefore?: number | undefined;
  readonly notAfter?: number | undefined;
  readonly serialNumber?: string | undefined;
  readonly names?: readonly string[] | undefined;
}

function certificate(described: Described, key: TestKey, issuer: TestKey): string {
  const { subject, isAuthority, serialNumber, names } = described;
  return signCertificate(
    {
      version: 3,
      ...(serialNumber === undefined ? {} : { serialNumber }),
      subject: [subject],
      issuer: [described.issuer],
      notBefore: described.notBefore ?? Date.now() - 10 * DAY_MS,
      notAfter: described.notAfter ?? Date.now() + 80 * DAY_MS,
      names,
      keyUsage: isAuthority ? ['keyCertSign', 'cRLSign'] : ['digitalSignature'],
      purposes: isAuthority ? [] : (described.purposes ?? ['clientAuth']),
      isAuthority,
      hasKeyIdentifiers: true,
    },
    key,
    issuer,
  );
}
