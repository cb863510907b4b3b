/** Whether the names stand where clients look for them: in the subjectAltName, each as what it is (RFC 9525 §6). */
import { isIP } from 'node:net';
import { commonNameOf } from '../credential/certificate-facts.js';
import type { Finding } from '../credential/findings.js';
import { covers, normalizeConfiguredName, normalizeIpAddress } from '../credential/server-name.js';
import type { CertificateReading } from './certificate-reading.js';
import { type Inspection, listed, type Rule } from './inspection.js';
import { namesFor, reissueHint } from './remedy.js';

/** Finds names that only the subject has, addresses among the DNS names, and names in use that are missing. */
export const namesRule: Rule = (inspection) => {
  // Version 1 cannot have a subjectAltName: that it is version 1 says it all.
  if (inspection.leaf.version < 3) return missingNames(inspection);
  return [...commonNameOnly(inspection), ...addressAsDnsName(inspection), ...missingNames(inspection)];
};

function commonNameOnly(inspection: Inspection): Finding[] {
  const { leaf, title } = inspection;
  const name = commonNameIn(leaf);
  if (name === undefined || isAlternativeName(name, leaf)) return [];
  if (isIP(name) !== 0) {
    return [
      finding(inspection, {
        code: 'TLS_IP_ONLY_IN_CN',
        message: `${title} has the address ${name} in the common name only: clients that connect by it look for an IP address in the subjectAltName and refuse this.`,
        also: name,
      }),
    ];
  }
  if (leaf.alternativeNames === undefined) {
    return [
      finding(inspection, {
        code: 'TLS_CERT_NO_SAN',
        message: `${title} has no subjectAltName: its name ${name} stands in the common name only, which browsers, Go, Python and rustls clients do not look at.`,
        also: name,
      }),
    ];
  }
  // Without a dot it is as likely the name of a service or a person as one that clients ask for.
  if (!name.includes('.')) return [];
  return [
    finding(inspection, {
      code: 'TLS_NAME_ONLY_IN_CN',
      message: `${title} has the name ${name} in the common name, but not in the subjectAltName, and clients look at that alone: it is not valid for ${name}.`,
      also: name,
    }),
  ];
}

function addressAsDnsName(inspection: Inspection): Finding[] {
  const { leaf, title } = inspection;
  const { dnsNames = [], addresses = [] } = leaf.alternativeNames ?? {};
  const real = addresses.map(normalizeIpAddress);
  const wrong = dnsNames.filter((name) => isIP(name) !== 0 && !real.includes(normalizeIpAddress(name)));
  if (wrong.length === 0) return [];
  return [
    finding(inspection, {
      code: 'TLS_IP_AS_DNS_NAME',
      message: `${title} has ${listed(wrong)} as DNS name: clients that connect by an address look for an IP address in the subjectAltName and refuse this.`,
    }),
  ];
}

function missingNames(inspection: Inspection): Finding[] {
  const { credential, names, title } = inspection;
  const wanted = names.flatMap((name) => normalizeConfiguredName(name) ?? []);
  const missing = wanted.filter((name) => !covers(credential.names, name));
  if (missing.length === 0) return [];
  const has = credential.names.length === 0 ? 'no name' : listed(credential.names);
  return [
    finding(inspection, {
      code: 'TLS_NAME_MISMATCH',
      message: `${title} does not cover ${listed(missing)}, by which clients connect; it covers ${has}.`,
    }),
  ];
}

function finding(
  inspection: Inspection,
  { code, message, also }: { code: Finding['code']; message: string; also?: string },
): Finding {
  const names = [...new Set([...namesFor(inspection), ...(also === undefined ? [] : [also])])];
  return {
    code,
    severity: 'warning',
    names: inspection.credential.names,
    message,
    hint: reissueHint(inspection, names),
  };
}

function commonNameIn({ x509 }: CertificateReading): string | undefined {
  return normalizeConfiguredName(commonNameOf(x509) ?? '');
}

function isAlternativeName(name: string, { alternativeNames }: CertificateReading): boolean {
  const { dnsNames = [], addresses = [] } = alternativeNames ?? {};
  if (isIP(name) !== 0) return addresses.some((address) => normalizeIpAddress(address) === name);
  return covers(
    dnsNames.flatMap((dnsName) => normalizeConfiguredName(dnsName) ?? []),
    name,
  );
}
