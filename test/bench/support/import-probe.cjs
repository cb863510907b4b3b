// Prints how long one import takes, in milliseconds: node import-probe.cjs import|require SPECIFIER
const { performance } = require('node:perf_hooks');

const [, , way, specifier] = process.argv;

async function measure() {
  const start = performance.now();
  if (way === 'import') await import(specifier);
  else require(specifier);
  return performance.now() - start;
}

measure().then((elapsedMs) => process.stdout.write(String(elapsedMs)));
