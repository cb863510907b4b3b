// Certificates for development as mkcert makes them, which the browsers of this machine trust once `mkcert -install` was
// run. mkcert names its files itself (localhost+2.pem, _wildcard.app.localhost.pem), and further ones need no restart:
//   mkdir certs && cd certs && mkcert localhost 127.0.0.1 ::1 && mkcert '*.app.localhost'
import { createServer } from 'node:http';
import { createSecureServer, directory } from 'tlsmith';

const app = createServer((request, response) => {
  response.end(`You reached ${request.headers.host}\n`);
});

const secure = createSecureServer({ sources: directory(process.env['CERTS_DIR'] ?? 'certs') }, app);
await secure.listen(Number(process.env['PORT'] ?? 8443));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void secure.close());
console.log('Listening at', secure.urls[0]);
