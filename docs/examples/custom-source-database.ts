// Certificates from a database: one row for each name, replaced by whoever renews them.
import { createServer } from 'node:http';
import { createSecureServer, fromFunction, selfSigned } from 'tlsmith';
import { demoPair } from './support/demo-pair.js';

interface Row {
  readonly certificate: string;
  readonly privateKey: string;
}

/** Stands for the client of your database: `findByName` would be a SELECT by primary key. */
class CertificateTable {
  readonly #rows = new Map<string, Row>();

  async insert(name: string): Promise<void> {
    const { cert, key } = await demoPair(name);
    this.#rows.set(name, { certificate: cert, privateKey: key });
  }

  findByName(name: string): Promise<Row | undefined> {
    return Promise.resolve(this.#rows.get(name));
  }
}

const table = new CertificateTable();
await table.insert('one.localhost');
await table.insert('two.localhost');

// Asked once for a name, however many clients come; the answer is used for 10 seconds.
const database = fromFunction(
  async function database(serverName) {
    // Clients without SNI get no row: selfSigned() answers them.
    const row = serverName === undefined ? undefined : await table.findByName(serverName);
    return row && { cert: row.certificate, key: row.privateKey };
  },
  { cacheMs: 10_000 },
);

const app = createServer((request, response) => {
  response.end(`You reached ${request.headers.host}\n`);
});
const secure = createSecureServer({ sources: [database, selfSigned()] }, app);
await secure.listen(Number(process.env['PORT'] ?? 8443));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void secure.close());
console.log('Listening at', secure.urls[0]);
