// Loads a file pair as whoever runs this, and prints how that ended.
import { filePair } from '../../../src/sources/file-pair.js';
import { type SourceHost } from '../../../src/sources/certificate-source.js';

const [certFile = '', keyFile = ''] = process.argv.slice(2);
const host = {
  report: () => undefined,
  changed: () => undefined,
  notify: () => undefined,
} as unknown as SourceHost;

Promise.resolve(filePair({ certFile, keyFile }).start?.(host)).then(
  () => {
    console.log(JSON.stringify({ code: 'loaded' }));
  },
  (error: unknown) => {
    const { code, message, hint } = error as Record<string, unknown>;
    console.log(JSON.stringify({ code, message, hint }));
  },
);
