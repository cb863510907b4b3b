// A page by HTTPS with a self-signed certificate, as the README promises.
const assert = require('node:assert/strict');
const https = require('node:https');

module.exports = async function servesAPage({ createSecureServer, selfSigned }) {
  const options = { sources: selfSigned({ names: ['localhost'] }), logger: false };
  const secure = createSecureServer(options, (request, response) => response.end(`page ${request.url}`));
  await secure.listen({ port: 0, host: '127.0.0.1' });
  const { port } = secure.server.address();
  const { body, certificate } = await get(port);
  assert.equal(body, 'page /x');
  assert.match(certificate.subjectaltname, /DNS:localhost/);
  await secure.close();
};

function get(port) {
  const target = { host: '127.0.0.1', port, path: '/x', servername: 'localhost', agent: false };
  return new Promise((resolve, reject) => {
    https
      .get({ ...target, rejectUnauthorized: false }, (response) => {
        const certificate = response.socket.getPeerCertificate();
        let body = '';
        response.on('data', (chunk) => (body += chunk)).on('end', () => resolve({ body, certificate }));
      })
      .on('error', reject);
  });
}
