// Loads a file pair as another user, where it may become one, and prints how that ended.
import { filePair } from '../../../src/sources/file-pair.js';
import type { SourceHost } from '../../../src/sources/certificate-source.js';

const [certFile = '', keyFile = '', user = ''] = process.argv.slice(2);
const host = {
  report: () => undefined,
  changed: () => undefined,
  notify: () => undefined,
} as unknown as SourceHost;

// Only now: the program itself may lie where that user cannot read it.
if (process.getuid?.() === 0) {
  process.setgroups?.([Number(user)]);
  process.setgid?.(Number(user));
  process.setuid?.(Number(user));
}

Promise.resolve(filePair({ certFile, keyFile }).start?.(host)).then(
  () => {
    console.log(JSON.stringify({ code: 'loaded' }));
  },
  (error: unknown) => {
    const { code, message, hint } = error as Record<string, unknown>;
    console.log(JSON.stringify({ code, message, hint }));
  },
);
