/**
 * A chain put in the order TLS wants it (RFC 8446 §4.4.2): leaf first, each next one certifying the one before,
 * the root left out because a client that trusts it has it already.
 */
import type { KeyObject, X509Certificate } from 'node:crypto';
import { subjectOf } from './certificate-facts.js';
import type { Finding } from './findings.js';
import type { Origin } from './pem.js';

/** A chain in order, and what had to be mended for it. */
export interface OrderedChain {
  /** Leaf first, no root. */
  readonly certificates: readonly [X509Certificate, ...X509Certificate[]];
  /** What was mended, or left out. */
  readonly findings: readonly Finding[];
}

/**
 * Orders `certificates` from the leaf that `privateKey` belongs to; undefined when it belongs to none of them, or to an
 * authority that has issued another: its key was given by mistake.
 */
export function orderChain(
  certificates: readonly X509Certificate[],
  privateKey: KeyObject,
  origin: Origin,
): OrderedChain | undefined {
  const given = withoutDuplicates(certificates);
  const leaf = given.find((certificate) => certificate.checkPrivateKey(privateKey));
  if (leaf === undefined || given.some((other) => hasIssued(leaf, other))) return undefined;
  const remaining = given.filter((certificate) => certificate !== leaf);
  const chain: [X509Certificate, ...X509Certificate[]] = [leaf];
  let root: X509Certificate | undefined;
  for (let issuer = issuerOf(leaf, remaining); issuer !== undefined; issuer = issuerOf(issuer, remaining)) {
    remaining.splice(remaining.indexOf(issuer), 1);
    root = isSelfSigned(issuer) ? issuer : undefined;
    if (root !== undefined) break;
    chain.push(issuer);
  }
  return { certificates: chain, findings: findingsOf(given, { chain, root, remaining }, origin) };
}

function hasIssued(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return certificate !== issuer && issuer.ca && !certificate.ca && certificate.checkIssued(issuer);
}

function withoutDuplicates(certificates: readonly X509Certificate[]): X509Certificate[] {
  return [...new Map(certificates.map((certificate) => [certificate.fingerprint256, certificate])).values()];
}

function issuerOf(
  certificate: X509Certificate,
  candidates: readonly X509Certificate[],
): X509Certificate | undefined {
  if (isSelfSigned(certificate)) return undefined;
  const issuers = candidates.filter((candidate) => certificate.checkIssued(candidate));
  // Names alone can be ambiguous (a CA that changed its key keeps its name): then the signature decides.
  return issuers.length > 1 ? issuers.find((issuer) => isSignedBy(certificate, issuer)) : issuers[0];
}

function isSignedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return certificate.verify(issuer.publicKey);
  } catch {
    return false; // A key of a kind that this OpenSSL does not know.
  }
}

/**
 * Whether a certificate is signed with its own key. By signature: `checkIssued` says no for a self-signed server
 * certificate, whose key usage rightly lacks keyCertSign.
 */
export function isSelfSigned(certificate: X509Certificate): boolean {
  return certificate.subject === certificate.issuer && isSignedBy(certificate, certificate);
}

interface SortedCertificates {
  readonly chain: readonly X509Certificate[];
  /** The self-signed issuer at the end of the chain, when it was given. */
  readonly root: X509Certificate | undefined;
  /** What does not belong to the chain. */
  readonly remaining: readonly X509Certificate[];
}

function findingsOf(
  given: readonly X509Certificate[],
  { chain, root, remaining }: SortedCertificates,
  origin: Origin,
): Finding[] {
  const findings: Finding[] = [];
  if (chain.some((certificate, index) => given[index] !== certificate)) {
    findings.push({
      code: 'TLS_CHAIN_OUT_OF_ORDER',
      severity: 'info',
      message: `${origin} does not list its certificates from leaf to issuer; they are sent in the right order.`,
      hint: 'Nothing has to be done; for other programs put the leaf first, and behind each certificate the one that has issued it.',
    });
  }
  if (root !== undefined) {
    findings.push({
      code: 'TLS_CHAIN_EXTRA_ROOT',
      severity: 'info',
      message: `${origin} holds the root ${subjectOf(root)}; it is not sent, because clients that trust it have it already.`,
      hint: 'Leave the root out of the file; clients need it in their trust store, and nowhere else.',
    });
  }
  const unrelated = remaining.filter((certificate) => !isSelfSigned(certificate));
  if (unrelated.length > 0) {
    findings.push({
      code: 'TLS_CHAIN_UNRELATED',
      severity: 'warning',
      message: `${origin} holds ${unrelated.length} certificate(s) that do not belong to the chain of its leaf; they are not sent.`,
      hint: `Remove ${unrelated.map(subjectOf).join('; ')}, or give the intermediate that is missing between.`,
    });
  }
  return findings;
}
