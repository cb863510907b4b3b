// Serves a folder or a pair of files where it is told, and closes when its input ends. Says its URLs first, then every
// finding, a line of JSON each.
import {
  createSecureServer,
  directory,
  type DirectoryOptions,
  filePair,
  type FilePairOptions,
  type Finding,
} from '../../../../src/index.js';
import { say, serveWhileInputLasts } from '../child-serving.js';

const { folder, files } = JSON.parse(process.argv[2] ?? '{}') as {
  folder?: DirectoryOptions | string;
  files?: FilePairOptions;
};
const secure = createSecureServer(
  { sources: folder === undefined ? filePair(files ?? {}) : directory(folder), logger: false },
  (_: unknown, response: { end(text: string): void }) => {
    response.end('child');
  },
);
secure.on('warning', (finding: Finding) => {
  say(finding);
});
await serveWhileInputLasts(secure, { port: 0, host: '127.0.0.1' });
