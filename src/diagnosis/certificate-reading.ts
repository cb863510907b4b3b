/**
 * What node's parser does not say about a certificate (RFC 5280 §4): version, key usage, the kinds of names,
 * authority and policy. Extensions that cannot be read are treated as absent: inspecting must never fail.
 */
import type { X509Certificate } from 'node:crypto';
import { AsnConvert } from '@peculiar/asn1-schema';
import {
  AuthorityInfoAccessSyntax,
  AuthorityKeyIdentifier,
  BasicConstraints,
  Certificate,
  CertificatePolicies,
  ExtendedKeyUsage,
  id_ad_caIssuers,
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_certificatePolicies,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  id_pe_authorityInfoAccess,
  KeyUsage,
  KeyUsageFlags,
  type Name,
  SubjectAlternativeName,
} from '@peculiar/asn1-x509';

/** The names of the subjectAltName as they are written, by kind. */
export interface AlternativeNames {
  readonly dnsNames: readonly string[];
  readonly addresses: readonly string[];
}

/** A certificate, read. */
export interface CertificateReading {
  readonly x509: X509Certificate;
  /** 1 or 3; 2 has never been in use. */
  readonly version: number;
  /** Undefined when there is no key usage extension: everything is allowed then. */
  readonly mayDigitallySign: boolean | undefined;
  /** Object identifiers; undefined when there is no extended key usage extension. */
  readonly purposes: readonly string[] | undefined;
  readonly isAuthority: boolean;
  /** Undefined when there is no subjectAltName extension. */
  readonly alternativeNames: AlternativeNames | undefined;
  /** The object identifier of the signature algorithm. */
  readonly signatureAlgorithm: string;
  /** Whether it says of itself that a public authority has issued it: logged (RFC 6962) or under a CA/Browser Forum policy. */
  readonly isPublic: boolean;
  /** Where its issuer can be fetched over HTTP (RFC 5280 §4.2.2.1); only addresses that are safe to print. */
  readonly issuerUrls: readonly string[];
  /** The DER of the issuer's name. */
  readonly issuerName: Buffer;
  /** Whether the issuer is itself a root, as far as the certificate says: it names the issuer of its issuer. */
  readonly isIssuerRoot: boolean | undefined;
}

const SIGNED_CERTIFICATE_TIMESTAMPS = '1.3.6.1.4.1.11129.2.4.2';
const CA_BROWSER_FORUM_POLICIES = '2.23.140.1.';
const PRINTABLE_URL = /^https?:\/\/[\w.~:/%+-]{1,200}$/;

/** Of certificates of authorities, which are parsed once and come again with every chain. */
const readings = new WeakMap<X509Certificate, CertificateReading>();

/** Reads a certificate; undefined when its DER is beyond the reader. */
export function readCertificate(x509: X509Certificate): CertificateReading | undefined {
  const known = readings.get(x509);
  if (known !== undefined) return known;
  const reading = read(x509);
  if (reading !== undefined) readings.set(x509, reading);
  return reading;
}

function read(x509: X509Certificate): CertificateReading | undefined {
  const certificate = parse(x509.raw, Certificate);
  if (certificate === undefined) return undefined;
  const { version, issuer, signature } = certificate.tbsCertificate;
  const extensions = listOf(certificate.tbsCertificate.extensions) ?? [];
  const extension: ReadExtension = (id, type) => {
    const found = extensions.find(({ extnID }) => extnID === id);
    return found === undefined ? undefined : parse(found.extnValue.buffer, type);
  };
  return {
    x509,
    version: version + 1,
    mayDigitallySign: mayDigitallySign(extension(id_ce_keyUsage, KeyUsage)),
    purposes: listOf(extension(id_ce_extKeyUsage, ExtendedKeyUsage)),
    isAuthority: extension(id_ce_basicConstraints, BasicConstraints)?.cA === true,
    alternativeNames: alternativeNamesIn(extension(id_ce_subjectAltName, SubjectAlternativeName)),
    signatureAlgorithm: signature.algorithm,
    isPublic:
      extensions.some(({ extnID }) => extnID === SIGNED_CERTIFICATE_TIMESTAMPS) ||
      hasForumPolicy(extension(id_ce_certificatePolicies, CertificatePolicies)),
    issuerUrls: issuerUrlsIn(extension(id_pe_authorityInfoAccess, AuthorityInfoAccessSyntax)),
    issuerName: derOf(issuer),
    isIssuerRoot: isIssuerRoot(extension(id_ce_authorityKeyIdentifier, AuthorityKeyIdentifier), issuer),
  };
}

type ReadExtension = <Type>(id: string, type: new () => Type) => Type | undefined;

function parse<Type>(der: BufferSource, type: new () => Type): Type | undefined {
  try {
    return AsnConvert.parse(der, type);
  } catch {
    return undefined;
  }
}

function mayDigitallySign(usage: KeyUsage | undefined): boolean | undefined {
  return usage === undefined ? undefined : (usage.toNumber() & KeyUsageFlags.digitalSignature) !== 0;
}

function hasForumPolicy(policies: CertificatePolicies | undefined): boolean {
  return (
    policies?.some(({ policyIdentifier }) => policyIdentifier.startsWith(CA_BROWSER_FORUM_POLICIES)) === true
  );
}

function listOf<Item>(items: Iterable<Item> | undefined): Item[] | undefined {
  return items === undefined ? undefined : [...items];
}

function alternativeNamesIn(names: SubjectAlternativeName | undefined): AlternativeNames | undefined {
  if (names === undefined) return undefined;
  return {
    dnsNames: names.flatMap(({ dNSName }) => dNSName ?? []),
    addresses: names.flatMap(({ iPAddress }) => iPAddress ?? []),
  };
}

function issuerUrlsIn(access: AuthorityInfoAccessSyntax | undefined): string[] {
  return (listOf(access) ?? [])
    .filter(({ accessMethod }) => accessMethod === id_ad_caIssuers)
    .flatMap(({ accessLocation }) => accessLocation.uniformResourceIdentifier ?? [])
    .filter((url) => PRINTABLE_URL.test(url));
}

function isIssuerRoot(authority: AuthorityKeyIdentifier | undefined, issuer: Name): boolean | undefined {
  const name = authority?.authorityCertIssuer?.find(({ directoryName }) => directoryName !== undefined);
  return name?.directoryName === undefined ? undefined : derOf(name.directoryName).equals(derOf(issuer));
}

function derOf(name: Name): Buffer {
  return Buffer.from(AsnConvert.serialize(name));
}
