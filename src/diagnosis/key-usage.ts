/** What the key may be used for (RFC 5280 §4.2.1.3, §4.2.1.9). */
import type { Rule } from './inspection.js';
import { reissueHint } from './remedy.js';

/** Finds keys that may not sign handshakes. */
export const keyUsageRule: Rule = (inspection) => {
  const { credential, leaf, title } = inspection;
  if (leaf.mayDigitallySign !== false) return [];
  return [
    {
      code: 'TLS_KEY_USAGE',
      severity: 'warning',
      names: credential.names,
      message: `${title} has a key usage without digitalSignature, and every handshake of TLS 1.3, and of TLS 1.2 with ECDHE, is signed: Chromium refuses it (ERR_SSL_KEY_USAGE_INCOMPATIBLE; here that is the alert illegal parameter).`,
      hint: reissueHint(inspection),
    },
  ];
};

/** Finds certificates of an authority that are used by a server. */
export const authorityRule: Rule = (inspection) => {
  const { credential, leaf, title } = inspection;
  if (!leaf.isAuthority) return [];
  // `openssl req -x509` makes them so unless told otherwise, and all but a few clients do not mind.
  const severity = credential.isSelfSigned ? 'info' : 'warning';
  return [
    {
      code: 'TLS_CERT_IS_CA',
      severity,
      names: credential.names,
      message: `${title} is that of an authority (CA:TRUE): rustls clients refuse it for a server (CaUsedAsEndEntity), and its key could sign certificates for any name.`,
      hint: reissueHint(inspection),
    },
  ];
};
