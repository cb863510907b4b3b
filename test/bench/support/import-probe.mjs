// Prints how long one import takes, in milliseconds: node import-probe.mjs SPECIFIER. It is a module itself, as whatever
// imports one is: node's loader of modules has been set up, which would not be the package's cost.
import { performance } from 'node:perf_hooks';

const start = performance.now();
await import(process.argv[2]);
process.stdout.write(String(performance.now() - start));
