// Certificates by acme-client's auto(), polling four times a second in place of every five seconds.
import acme from 'acme-client';
import { createServer } from 'node:http';
import { Agent } from 'node:https';

/** Seconds from making the client to the last of the certificates being there; nothing is stored. */
export async function obtain({ pebble, names }) {
  acme.axios.defaults.httpsAgent = new Agent({ ca: pebble.serverCa, keepAlive: true });
  const answers = new Map();
  const server = createServer((request, response) =>
    response.end(answers.get(request.url.slice(request.url.lastIndexOf('/') + 1))),
  );
  await new Promise((resolve) => server.listen(pebble.httpPort, '127.0.0.1', resolve));
  const began = performance.now();
  try {
    const client = new acme.Client({
      directoryUrl: pebble.directoryUrl,
      accountKey: await acme.crypto.createPrivateEcdsaKey('P-256'),
      ...{ backoffMin: 250, backoffMax: 1_000 },
    });
    // Without an e-mail address Pebble refuses what createAccount() does; and in parallel only one would succeed.
    await client.createAccount({ termsOfServiceAgreed: true, contact: ['mailto:bench@example.com'] });
    await Promise.all(names.map((name) => one(client, name, answers)));
    return (performance.now() - began) / 1_000;
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    acme.axios.defaults.httpsAgent.destroy();
  }
}

async function one(client, name, answers) {
  const key = await acme.crypto.createPrivateEcdsaKey('P-256');
  const [, csr] = await acme.crypto.createCsr({ commonName: name, altNames: [name] }, key);
  await client.auto({
    csr,
    ...{ termsOfServiceAgreed: true, email: 'bench@example.com', skipChallengeVerification: true },
    challengePriority: ['http-01'],
    challengeCreateFn: async (authorization, challenge, keyAuthorization) =>
      answers.set(challenge.token, keyAuthorization),
    challengeRemoveFn: async (authorization, challenge) => answers.delete(challenge.token),
  });
}
