/** What a certificate is meant for (RFC 5280 §4.2.1.12). */
import {
  id_kp_clientAuth,
  id_kp_codeSigning,
  id_kp_emailProtection,
  id_kp_serverAuth,
} from '@peculiar/asn1-x509';
import type { Rule } from './inspection.js';
import { reissueHint } from './remedy.js';

const PURPOSES: Readonly<Record<string, string>> = {
  [id_kp_clientAuth]: 'clientAuth',
  [id_kp_codeSigning]: 'codeSigning',
  [id_kp_emailProtection]: 'emailProtection',
};

/** Finds certificates that are not meant for servers; `anyExtendedKeyUsage` does not count with OpenSSL clients. */
export const extendedKeyUsageRule: Rule = (inspection) => {
  const { credential, leaf, title } = inspection;
  if (leaf.purposes === undefined || leaf.purposes.includes(id_kp_serverAuth)) return [];
  const purposes = leaf.purposes.map((purpose) => PURPOSES[purpose] ?? purpose).join(', ');
  return [
    {
      code: 'TLS_EXTENDED_KEY_USAGE',
      severity: 'warning',
      names: credential.names,
      message: `${title} is meant for ${purposes}, not for servers (serverAuth): clients refuse it as having an unsuitable purpose.`,
      hint: reissueHint(inspection),
    },
  ];
};
