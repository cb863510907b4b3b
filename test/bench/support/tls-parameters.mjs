// Said to every server that is compared, so that only our code differs: versions, ciphers, groups, timeouts.

const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
].join(':');
const GROUPS = ['X25519', 'P-256'];
const VERSIONS = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' };
const HANDSHAKE_TIMEOUT_MS = 10_000;

/** Options of node's own servers. */
export const bareParameters = {
  ...VERSIONS,
  ciphers: CIPHERS,
  ecdhCurve: GROUPS.join(':'),
  honorCipherOrder: false,
  handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
};

/** The same for `createSecureServer`. */
export const tlsmithParameters = {
  ...VERSIONS,
  ciphers: CIPHERS,
  groups: GROUPS,
  handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS,
};
