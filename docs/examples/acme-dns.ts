// A wildcard certificate by DNS records. DnsProvider stands for your provider's interface; it and DIRECTORY_URL make it
// yours.
import { createServer } from 'node:http';
import { acme, createSecureServer, dns01, fileStorage } from 'tlsmith';
import { DnsProvider } from './support/dns-provider.js';

const { DOMAIN = 'example.com', DIRECTORY_URL = 'letsencrypt-staging', SERVER_CA_FILE } = process.env;
const { PORT = '443', STORAGE_DIR, DNS_API = 'http://127.0.0.1:8055' } = process.env;

const provider = new DnsProvider(DNS_API);
const challenge = dns01({
  async present({ name, value }) {
    await provider.addTxt(name, value);
    await provider.untilAllNameServersAnswer(name, value);
  },
  async cleanUp({ name, value }) {
    await provider.removeTxt(name, value);
  },
});

const app = createServer((request, response) => {
  response.end(`You reached ${request.headers.host}\n`);
});

const certificates = acme({
  domains: [[DOMAIN, `*.${DOMAIN}`]], // one certificate for both
  challenges: [challenge],
  termsOfServiceAgreed: true,
  directoryUrl: DIRECTORY_URL,
  ...(SERVER_CA_FILE === undefined ? {} : { serverCaFile: SERVER_CA_FILE }),
});
const secure = createSecureServer({ sources: certificates, storage: fileStorage(STORAGE_DIR) }, app);
await secure.listen(Number(PORT));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void secure.close());
console.log('Listening at', secure.urls[0]);
