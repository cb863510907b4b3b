// Listens where it is told, says what became of it in one line of JSON, and closes when its input ends.
import { createSecureServer, type ListenTarget, selfSigned } from '../../../../src/index.js';
import { serveWhileInputLasts } from '../child-serving.js';

const target = JSON.parse(process.argv[2] ?? '{}') as ListenTarget;
const secure = createSecureServer(
  { sources: selfSigned({ names: ['a.test'] }), logger: false },
  (_: unknown, response: { end(text: string): void }) => {
    response.end('child');
  },
);
await serveWhileInputLasts(secure, target);
