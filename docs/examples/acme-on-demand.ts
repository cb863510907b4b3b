// A site for each customer, under the customer's own domain: the names are in a database, and each gets its certificate
// with the first visit. Names that are not in the database never cost an order.
import { createServer } from 'node:http';
import { acme, createSecureServer, fileStorage } from 'tlsmith';

const { DIRECTORY_URL = 'letsencrypt-staging', SERVER_CA_FILE, DOMAINS = '' } = process.env;
const { PORT = '443', HTTP_PORT = '80', STORAGE_DIR } = process.env;

/** Stands for the client of your database: `hasSite` would be a SELECT by primary key. */
class Customers {
  readonly #domains: Set<string>;

  constructor(domains: readonly string[]) {
    this.#domains = new Set(domains);
  }

  hasSite(domain: string): Promise<boolean> {
    return Promise.resolve(this.#domains.has(domain));
  }
}

const customers = new Customers(DOMAINS.split(','));
const certificates = acme({
  termsOfServiceAgreed: true,
  directoryUrl: DIRECTORY_URL,
  onDemand: {
    allow: (name) => customers.hasSite(name), // asked before the first order and before each renewal
    namesPerDomain: 20, // of one registered domain within a week
  },
  ...(SERVER_CA_FILE === undefined ? {} : { serverCaFile: SERVER_CA_FILE }),
});
const app = createServer((request, response) => {
  response.end(`The site of ${request.headers.host}\n`);
});
const secure = createSecureServer(
  {
    sources: certificates,
    storage: fileStorage(STORAGE_DIR),
    http: Number(HTTP_PORT),
    unknownName: 'reject',
  },
  app,
);
secure.on('certificate', ({ action, names }) => {
  console.log(`Certificate ${action}: ${names.join(', ')}`);
});

await secure.listen(Number(PORT));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void secure.close());
console.log('Listening at', secure.urls[0]);
