// Loads a folder in a process of its own, which may have fewer rights, and prints what it has found.
import { systemClock } from '../../../src/clock.js';
import type { Finding } from '../../../src/credential/findings.js';
import { silentLogger } from '../../../src/logger.js';
import type { SourceHost } from '../../../src/sources/certificate-source.js';
import { directory } from '../../../src/sources/directory.js';

const path = process.argv[2] ?? '';
const findings: Finding[] = [];
const host = {
  clock: systemClock,
  logger: silentLogger,
  report: (finding: Finding) => findings.push(finding),
  resolved: () => undefined,
  changed: () => undefined,
  prepare: () => undefined,
  notify: () => undefined,
} as unknown as SourceHost;

const source = directory(path);
await source.start?.(host);
await source.reload?.({ signal: AbortSignal.timeout(10_000) });
await source.close?.();
console.log(JSON.stringify(findings));
