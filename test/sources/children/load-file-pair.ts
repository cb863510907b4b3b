// Loads a file pair in a process of its own, which may have fewer rights, and prints how that ended.
import { systemClock } from '../../../src/clock.js';
import type { Finding } from '../../../src/credential/findings.js';
import { filePair, type FilePairOptions } from '../../../src/sources/file-pair.js';
import type { SourceHost } from '../../../src/sources/certificate-source.js';

const options = JSON.parse(process.argv[2] ?? '') as FilePairOptions;
const findings: Finding[] = [];
const host = {
  clock: systemClock,
  report: (finding: Finding) => findings.push(finding),
  changed: () => undefined,
  prepare: () => undefined,
  notify: () => undefined,
} as unknown as SourceHost;

const source = filePair(options);
Promise.resolve(source.start?.(host))
  .then(
    () => ({ code: 'loaded', findings }),
    (error: unknown) => {
      const { code, message, hint } = error as Record<string, unknown>;
      return { code, message, hint };
    },
  )
  .then((told) => {
    console.log(JSON.stringify(told));
    return source.close?.();
  })
  .catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  });
