// The Debian packages that the tests need: real clients and tools to check a server with. The one list of them.
export const DEBIAN_PACKAGES = [
  'caddy', // proxies in front, as docs/behind-a-proxy.md has them; another ACME certificate authority
  'chromium',
  'curl',
  'gnutls-bin', // gnutls-cli
  'haproxy',
  'libnginx-mod-stream',
  'libnss3-tools', // certutil, for Chromium's trust store
  'mkcert',
  'nginx-light',
  'openssl',
  'pebble', // an ACME certificate authority and a DNS server for it
  'python3',
  'sslscan', // which versions, ciphers and groups a server takes
];
