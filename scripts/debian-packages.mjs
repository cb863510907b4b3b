// The Debian packages that the tests need: real clients and tools to check a server with. The one list of them.
export const DEBIAN_PACKAGES = [
  'chromium',
  'curl',
  'gnutls-bin', // gnutls-cli
  'libnss3-tools', // certutil, for Chromium's trust store
  'openssl',
  'pebble', // an ACME certificate authority and a DNS server for it
  'python3',
];
