// Share of resumed handshakes, and CPU time per connection, for clients that bring tickets.
import { CertificateMaker } from './support/certificates.mjs';
import { contest } from './support/contest.mjs';
import { SERVER_NAME } from './support/protocol.mjs';
import { microseconds, percent, printTable, ratio } from './support/table.mjs';

export const title = 'resumption: clients with tickets';

const TARGET = 1.1;
const CONCURRENCY = 8;
/** Whether a lane finds a ticket depends on timing when each is used once. */
const SHARE_TOLERANCE = { reused: 0, once: 0.05 };

export async function run({ entry, seed, rounds = 20, connections = 200 }) {
  const maker = await CertificateMaker.create();
  const pairs = [await maker.pair([SERVER_NAME])];
  const table = [
    [
      '',
      'resumed, bare',
      'resumed, tlsmith',
      'CPU bare A',
      'CPU bare B',
      'CPU tlsmith',
      'ratio (IQR)',
      'control (IQR)',
      'counts',
    ],
  ];
  const result = { title, figures: [], failures: [], details: {} };
  for (const [version, tickets] of [
    ['TLSv1.2', 'reused'],
    ['TLSv1.3', 'reused'],
    ['TLSv1.3', 'once'],
  ]) {
    const name = `${version}, ticket ${tickets === 'once' ? 'used once' : tickets}`;
    const load = {
      root: maker.root,
      names: [SERVER_NAME],
      version,
      tickets,
      concurrency: CONCURRENCY,
      connections,
    };
    const outcome = await contest({ bare: { pairs }, tlsmith: { entry, pairs }, load, rounds, seed });
    const { contestants, control, counts, failures } = outcome;
    const [bareA, , tlsmith] = contestants;
    table.push([
      name,
      percent(bareA.resumedShare),
      percent(tlsmith.resumedShare),
      ...contestants.map(({ cpu }) => microseconds(cpu.median)),
      ratio(outcome.ratio),
      ratio(control),
      counts ? 'yes' : 'NO',
    ]);
    result.figures.push(
      {
        name: `${name}: share resumed`,
        value: tlsmith.resumedShare,
        digits: 4,
        atLeast: bareA.resumedShare - SHARE_TOLERANCE[tickets],
      },
      { name: `${name}: tlsmith / bare`, value: outcome.ratio.median, digits: 3, atMost: TARGET, counts },
    );
    result.failures.push(...failures.map((failure) => `${name}: ${failure}`));
    result.details[name] = outcome;
  }
  printTable(table);
  return result;
}
