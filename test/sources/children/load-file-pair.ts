// Loads a file pair in a process of its own, which may have fewer rights, and prints how that ended.
import { systemClock } from '../../../src/clock.js';
import type { Finding } from '../../../src/credential/findings.js';
import { filePair, type FilePairOptions } from '../../../src/sources/file-pair.js';
import type { SourceHost } from '../../../src/sources/certificate-source.js';

const options = JSON.parse(process.argv[2] ?? '') as FilePairOptions;
const user = process.argv[3];

/** How the start of a source ends. */
async function told(): Promise<object> {
  const findings: Finding[] = [];
  const host = {
    clock: systemClock,
    report: (finding: Finding) => findings.push(finding),
    changed: () => undefined,
    prepare: () => undefined,
    notify: () => undefined,
  } as unknown as SourceHost;
  const source = filePair(options);
  try {
    await source.start?.(host);
    return { code: 'loaded', findings };
  } catch (error) {
    const { code, message, hint } = error as Record<string, unknown>;
    return { code, message, hint };
  } finally {
    await source.close?.();
  }
}

/** From now on somebody else, who may not even read the checkout: what it takes is loaded before. */
async function become(id: number): Promise<void> {
  await told();
  process.setgroups?.([]);
  process.setgid?.(id);
  process.setuid?.(id);
}

async function main(): Promise<void> {
  if (user !== undefined) await become(Number(user));
  console.log(JSON.stringify(await told()));
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
