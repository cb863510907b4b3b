// `npm start`: two certificate sources behind one port, in order. A pair of files, as certbot or a company CA would
// have left it, serves files.localhost; selfSigned() serves localhost and the addresses of this machine.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecureServer, filePair, isTlsmithError, selfSigned } from 'tlsmith';
import { demoPair } from './support/demo-pair.js';

const folder = await mkdtemp(join(tmpdir(), 'tlsmith-'));
const certFile = join(folder, 'files.localhost.crt');
const keyFile = join(folder, 'files.localhost.key');
const trustFile = join(folder, 'trust.pem');
const pair = await demoPair('files.localhost');
await writeFile(certFile, pair.cert);
await writeFile(keyFile, pair.key, { mode: 0o600 });

const app = createServer((request, response) => {
  response.setHeader('content-type', 'text/html; charset=utf-8');
  response.end(`<!doctype html><title>tlsmith</title><h1>${request.headers.host} over TLS</h1>\n`);
});
const sources = [filePair({ certFile, keyFile }), selfSigned()];
const secure = createSecureServer({ sources, defaultName: 'localhost' }, app);

const port = await listenOnFreePort();
// Nobody vouches for self-made certificates: curl is told to trust these two.
await writeFile(trustFile, [pair.cert, secure.tlsOptions.cert].join(''), { mode: 0o600 });

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void end());

console.log(`Listening on port ${port}. Certificates:`);
for (const { names, source } of secure.status().certificates) console.log(`  ${source}: ${names.join(', ')}`);
console.log(`
In a browser, which will warn you of the self-made certificates:
  https://localhost:${port}/ and https://files.localhost:${port}/

In another terminal:
  curl --cacert ${trustFile} https://localhost:${port}/
  curl --cacert ${trustFile} --resolve files.localhost:${port}:127.0.0.1 https://files.localhost:${port}/

Ctrl+C ends it.`);

/** PORT if it is set, else 8443, or the first one above that is free. */
async function listenOnFreePort(): Promise<number> {
  const wanted = process.env['PORT'];
  await secure.start();
  for (let next = Number(wanted ?? 8443); ; next += 1) {
    try {
      await secure.listen(next);
      return secure.status().listeners[0]?.port ?? next;
    } catch (error) {
      if (!isTlsmithError(error) || error.code !== 'PORT_IN_USE' || wanted !== undefined) {
        await end();
        throw error;
      }
      console.log(`Port ${next} is taken, trying ${next + 1}.`);
    }
  }
}

async function end(): Promise<void> {
  await secure.close();
  await rm(folder, { recursive: true });
}
