// Serves a folder in a process of its own, which may have fewer rights, while a folder in it is closed and opened again;
// prints what is served and told meanwhile.
import { chmod } from 'node:fs/promises';
import { systemClock } from '../../../src/clock.js';
import type { Finding } from '../../../src/credential/findings.js';
import { silentLogger } from '../../../src/logger.js';
import type { SourceHost } from '../../../src/sources/certificate-source.js';
import { directory } from '../../../src/sources/directory.js';

const [path = '', closed = '', serverName = ''] = process.argv.slice(2);
let findings: Finding[] = [];
const host = {
  clock: systemClock,
  logger: silentLogger,
  report: (finding: Finding) => findings.push(finding),
  resolved: (code: string) => {
    findings = findings.filter((finding) => finding.code !== code);
  },
  changed: () => undefined,
  prepare: () => undefined,
  notify: () => undefined,
} as unknown as SourceHost;

const source = directory(path);
const seen: object[] = [];
await source.start?.(host);
await look();
for (const mode of [0o000, 0o700]) {
  await chmod(closed, mode);
  // Files that are gone for two looks and two seconds are no longer served.
  for (let looks = 0; looks < 3; looks += 1) {
    await source.reload?.({ signal: AbortSignal.timeout(60_000) });
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
  await look();
}
await source.close?.();
console.log(JSON.stringify(seen));

async function look(): Promise<void> {
  const found = await source.find({ serverName, signal: AbortSignal.timeout(60_000) });
  const credential = found !== undefined && 'pending' in found ? await found.pending : found;
  const codes = findings.map(({ code }) => code).sort();
  seen.push({ isServed: credential !== undefined, codes });
}
