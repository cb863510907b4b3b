// A self-signed certificate that survives restarts, so that clients which were told to trust it go on doing so.
import { createServer } from 'node:http';
import { createSecureServer, fileStorage, selfSigned } from 'tlsmith';

// The folder is made when it is needed; without a path it is `tlsmith` in the user's data folder.
const storage = fileStorage(process.env['STORAGE_DIR']);
const app = createServer((_request, response) => {
  response.end('the same certificate as before\n');
});

const secure = createSecureServer({ sources: selfSigned({ storage }) }, app);
await secure.listen(Number(process.env['PORT'] ?? 8443));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void secure.close());
console.log('Listening at', secure.urls[0]);
console.log('Certificate', secure.status().certificates[0]?.fingerprint256);
