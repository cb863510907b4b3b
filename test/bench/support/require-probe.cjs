// Prints how long one require() takes, in milliseconds: node require-probe.cjs SPECIFIER
const { performance } = require('node:perf_hooks');

const start = performance.now();
require(process.argv[2]);
process.stdout.write(String(performance.now() - start));
