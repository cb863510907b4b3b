/** Certificates as of 1988: version 1 has no extensions, and so no names that clients look at (RFC 5280 §4.1.2.1). */
import type { Rule } from './inspection.js';
import { reissueHint } from './remedy.js';

/** Finds certificates of version 1. */
export const versionRule: Rule = (inspection) => {
  const { credential, leaf, title } = inspection;
  if (leaf.version >= 3) return [];
  return [
    {
      code: 'TLS_CERT_V1',
      severity: 'warning',
      names: credential.names,
      message: `${title} is of X.509 version ${leaf.version}, without extensions: it has no subjectAltName, and browsers, Go and rustls clients refuse it. \`openssl x509 -req\` without -extfile makes such ones.`,
      hint: `${reissueHint(inspection)}; selfSigned() makes a right one by itself.`,
    },
  ];
};
