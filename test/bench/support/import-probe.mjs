// Prints how long one import takes, in milliseconds: node import-probe.mjs SPECIFIER [makes-a-server]. It is a module
// itself, as whatever imports one is: node's loader of modules has been set up, which would not be the package's cost.
import { performance } from 'node:perf_hooks';

const [, , specifier, then] = process.argv;

const start = performance.now();
const { createSecureServer, selfSigned } = await import(specifier);
if (then === 'makes-a-server') createSecureServer({ sources: selfSigned(), logger: false }, () => undefined);
process.stdout.write(String(performance.now() - start));
