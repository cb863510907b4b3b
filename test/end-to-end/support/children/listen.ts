// Listens where it is told, says what became of it in one line of JSON, and closes when its input ends.
import { once } from 'node:events';
import { createSecureServer, isTlsmithError, type ListenTarget, selfSigned } from '../../../../src/index.js';

const target = JSON.parse(process.argv[2] ?? '{}') as ListenTarget;
const secure = createSecureServer(
  { sources: selfSigned({ names: ['a.test'] }), logger: false },
  (_: unknown, response: { end(text: string): void }) => {
    response.end('child');
  },
);
try {
  await secure.listen(target);
  say({ urls: secure.urls });
  process.stdin.resume();
  await once(process.stdin, 'end');
  await secure.close();
} catch (error) {
  if (!isTlsmithError(error)) throw error;
  say({ code: error.code, message: error.message, hint: error.hint });
}

function say(fact: object): void {
  process.stdout.write(`${JSON.stringify(fact)}\n`);
}
