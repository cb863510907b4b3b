// Express 5 with an endpoint for monitoring. (Give load balancers another one: an old certificate is no reason to get none.)
import express from 'express';
import { createSecureServer, selfSigned } from 'tlsmith';

const app = express();
const secure = createSecureServer({ sources: selfSigned() }, app);

app.get('/health', (_request, response) => {
  const { certificates, findings } = secure.status();
  const isGood = certificates.every(({ state }) => state === 'valid' || state === 'expiring');
  response.status(isGood ? 200 : 503).json({
    certificates: certificates.map(({ names, state, daysLeft }) => ({ names, state, daysLeft })),
    findings: findings.map(({ code, message }) => `${code}: ${message}`),
  });
});

await secure.listen(Number(process.env['PORT'] ?? 8443));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void secure.close());
console.log('Listening at', secure.urls[0]);
