// Spoiled and random inputs through everything that reads what strangers send, and what stands in files.
import { certificateFuzz } from './fuzz/certificate-fuzz.mjs';
import { helloFuzz } from './fuzz/hello-fuzz.mjs';
import { httpFuzz } from './fuzz/http-fuzz.mjs';
import { nameFuzz } from './fuzz/name-fuzz.mjs';
import { proxyFuzz } from './fuzz/proxy-fuzz.mjs';
import { runFuzz } from './fuzz/run-fuzz.mjs';
import { Random } from './support/statistics.mjs';
import { printTable } from './support/table.mjs';

export const title = 'fuzz: hellos, names, PROXY headers, certificates, plain HTTP';

const INPUTS = 1_000_000;
const LONGEST_RUN_MS = 600_000;

/** Each fuzzer with its share of the inputs, here and in the soak: some take several times as long as others. */
export const FUZZERS = [
  ['ClientHello', helloFuzz, { bench: 1, soak: 0.5 }],
  ['names', nameFuzz, { bench: 1, soak: 1.25 }],
  ['PROXY header', proxyFuzz, { bench: 1, soak: 1.25 }],
  ['certificates', certificateFuzz, { bench: 0.1, soak: 0.5 }],
  ['plain HTTP', httpFuzz, { bench: 0.1, soak: 0.5 }],
];

export async function run({ seed, entry, inputs = INPUTS }) {
  const result = { title, figures: [], failures: [], details: {} };
  const table = [['', 'inputs', 'inputs/s', 'slowest', 'heap growth', 'kinds']];
  for (const [name, prepare, share] of FUZZERS) {
    const own = Math.ceil(inputs * share.bench);
    const outcome = await runFuzz(await prepare(new Random(seed), { entry }), {
      inputs: own,
      longestMs: LONGEST_RUN_MS,
    });
    table.push(rowOf(name, outcome));
    const wrong = `${name}: inputs handled wrongly or not at all`;
    result.figures.push({ name: wrong, value: outcome.failed + own - outcome.done, atMost: 0 });
    result.failures.push(...outcome.failures.map((failure) => `seed ${seed}: ${failure}`));
    if (outcome.done < own) result.failures.push(`${name}: only ${outcome.done} inputs in time`);
    result.details[name] = { ...outcome, kinds: Object.fromEntries(outcome.kinds) };
  }
  printTable(table);
  console.log(`  seed ${seed}`);
  return result;
}

/** What came of one fuzzer, for a table. */
export function rowOf(name, { done, rate, slowestMs, growthBytes, kinds }) {
  const shares = [...kinds].map(([kind, count]) => `${kind} ${((count / done) * 100).toFixed(1)} %`);
  return [
    name,
    done,
    rate.toFixed(0),
    `${slowestMs.toFixed(1)} ms`,
    `${(growthBytes / 2 ** 20).toFixed(1)} MB`,
    shares.join(', '),
  ];
}
