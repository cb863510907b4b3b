// Express with certificates from Let's Encrypt: all it takes beside the app. Express answers redirected requests too, so
// port 80 needs nothing of its own.
import express from 'express';
import { acme, createSecureServer } from 'tlsmith';

const { DOMAINS = 'example.com, www.example.com', DIRECTORY_URL, SERVER_CA_FILE } = process.env;
const { PORT = '443', HTTP_PORT = '80' } = process.env;

const app = express();
app.get('/', (request, response) => {
  response.send(`You reached ${request.hostname} over ${request.protocol}`);
});

const sources = acme({
  domains: DOMAINS,
  email: 'ops@example.com',
  termsOfServiceAgreed: true,
  ...(DIRECTORY_URL === undefined ? {} : { directoryUrl: DIRECTORY_URL }),
  ...(SERVER_CA_FILE === undefined ? {} : { serverCaFile: SERVER_CA_FILE }),
});
const secure = createSecureServer({ sources, http: { port: Number(HTTP_PORT) } }, app);
await secure.listen(Number(PORT));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void secure.close());
console.log('Listening at', secure.urls[0]);
