// Uses a server in every way that could leave something behind, closes it, and ends by itself or not at all.
import { once } from 'node:events';
import { type AddressInfo, connect as connectTcp } from 'node:net';
import { connect } from 'node:tls';
import { connect as connectHttp2 } from 'node:http2';
import { createSecureServer, fileStorage, memoryStorage, selfSigned } from '../../../../src/index.js';

const { folder } = JSON.parse(process.argv[2] ?? '{}') as { folder: string };
for (const storage of [memoryStorage(), fileStorage(folder)]) {
  const secure = createSecureServer(
    { sources: selfSigned({ names: ['a.test'], storage }), http: { port: 0 }, http2: true, logger: false },
    (_: unknown, response: { end(text: string): void }) => {
      response.end('child');
    },
  );
  await secure.listen({ port: 0, host: '127.0.0.1' });
  await secure.ready();
  const { port } = secure.server.address() as AddressInfo;
  const silent = connectTcp(port, '127.0.0.1');
  const idle = connect({ port, host: '127.0.0.1', servername: 'a.test', rejectUnauthorized: false });
  const session = connectHttp2(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
  await Promise.all([once(silent, 'connect'), once(idle, 'secureConnect'), once(session, 'connect')]);
  for (const client of [silent, idle, session]) client.on('error', () => undefined);
  await secure.close();
}
process.stdout.write('closed\n');
