// CPU time of the server per full TLS 1.3 handshake with one GET: tlsmith against bare node with the same
// certificate, the same TLS parameters and the same handler.
import { CertificateMaker } from './support/certificates.mjs';
import { addOutcome, contest } from './support/contest.mjs';
import { SERVER_NAME } from './support/protocol.mjs';
import { microseconds, printTable, ratio } from './support/table.mjs';

export const title = 'handshake: CPU per full TLS 1.3 handshake with one GET';

const TARGET = 1.1;
const CONCURRENCY = 8;
const NAMES = 100;

export async function run({ entry, seed, rounds = 40, connections = 200 }) {
  const maker = await CertificateMaker.create();
  const pair = { name: SERVER_NAME, ...(await maker.pair([SERVER_NAME])) };
  const names = Array.from({ length: NAMES }, (_, index) => `name-${index}.bench.test`);
  const pairs = await Promise.all(names.map(async (name) => ({ name, ...(await maker.pair([name])) })));
  const load = { root: maker.root, version: 'TLSv1.3', concurrency: CONCURRENCY, connections };

  const variants = [
    {
      name: 'https',
      target: TARGET,
      bare: { pairs: [pair] },
      tlsmith: { pairs: [pair] },
      load: { ...load, names: [SERVER_NAME] },
    },
    {
      name: 'http2',
      bare: { pairs: [pair], http2: true },
      tlsmith: { pairs: [pair], http2: true },
      load: { ...load, names: [SERVER_NAME], http2: true },
    },
    {
      name: 'two sources, 100 names',
      bare: { pairs, sni: true },
      tlsmith: { pairs, sources: 'two functions' },
      load: { ...load, names },
    },
  ];

  const table = [
    ['', 'bare A', 'bare B', 'tlsmith', 'tlsmith / bare (IQR)', 'with collection', 'control (IQR)', 'counts'],
  ];
  const result = { title, figures: [], failures: [], details: {} };
  for (const { name, target, bare, tlsmith, load: ownLoad } of variants) {
    const outcome = await contest({ bare, tlsmith: { entry, ...tlsmith }, load: ownLoad, rounds, seed });
    const { contestants, control, counts } = outcome;
    table.push([
      name,
      ...contestants.map(({ cpu }) => microseconds(cpu.median)),
      ratio(outcome.ratio),
      outcome.ratioWithCollection.median.toFixed(3),
      ratio(control),
      counts ? 'yes' : 'NO',
    ]);
    addOutcome(result, { name, target, outcome });
  }
  printTable(table);
  return result;
}
