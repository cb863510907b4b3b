// An RSA certificate for clients that know nothing else, beside an ECDSA one for all others: two pairs, one name.
import { createSecureServer, filePair } from 'tlsmith';

const folder = process.env['CERTS_DIR'] ?? 'certs';
const pair = (kind: string) =>
  filePair({ certFile: `${folder}/localhost.${kind}.crt`, keyFile: `${folder}/localhost.${kind}.key` });
const secure = createSecureServer({ sources: [pair('ecdsa'), pair('rsa')] }, (_request, response) => {
  response.end('whichever you can check\n');
});
await secure.listen(Number(process.env['PORT'] ?? 8443));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void secure.close());
console.log('Listening at', secure.urls[0]);
