// One port, three sets of rules: what is left out of a policy is as for the whole server.
import { createSecureServer, selfSigned } from 'tlsmith';

const names = ['localhost', 'api.localhost', 'old.localhost', 'x.old.localhost'];
const secure = createSecureServer(
  {
    sources: selfSigned({ names }),
    policies: {
      'api.localhost': { tlsBaseline: 'modern' },
      '*.old.localhost': { maxVersion: 'TLSv1.2', sessionTickets: false },
    },
  },
  (request, response) => response.end(`You reached ${request.headers.host}\n`),
);
await secure.listen(Number(process.env['PORT'] ?? 8443));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void secure.close());
console.log('Listening at', secure.urls[0]);
