// Servers compared by the CPU time they use: in rounds, all but one idle, in random order.
import { Child, notPinned } from './children.mjs';
import { Random, summaryOf } from './statistics.mjs';

const SERVER_CORE = 0;
const CLIENT_CORE = 1;
/**
 * The rounds are divided among so many sets of new processes: two processes of the same program differ by up to 5 % as
 * long as they live, by where things came to lie in memory.
 */
const MATCHES = 5;
/** Enough for V8 to compile what is hot: fewer count its work as the server's. */
const WARM_UP_ROUNDS = 8;
const SETTLE_MS = 20;
/** Two copies of the same server must come out the same, else the machine was too busy. */
const CONTROL_BAND = { low: 0.98, high: 1.02 };

const ordinaryServer = new URL('server.mjs', import.meta.url).pathname;
const client = new URL('load-client.mjs', import.meta.url).pathname;

/**
 * Runs bare A, bare B and tlsmith against each other.
 *
 * @param options.bare, options.tlsmith what the servers open (server.mjs)
 * @param options.load what the client does in a round (load-client.mjs); a function makes it anew for each round
 * @param options.server the module of the servers, when it is another that answers the same calls
 * @returns ratios of CPU time per round, the control, and what went wrong
 */
export async function contest({ bare, tlsmith, load, rounds, seed, server = ordinaryServer }) {
  const contestants = [
    { name: 'bare A', open: { kind: 'bare', ...bare }, rounds: [] },
    { name: 'bare B', open: { kind: 'bare', ...bare }, rounds: [] },
    { name: 'tlsmith', open: { kind: 'tlsmith', ...tlsmith }, rounds: [] },
  ];
  const random = new Random(seed);
  const generator = new Child(client, { core: CLIENT_CORE });
  try {
    for (let left = rounds, matches = MATCHES; left > 0; matches -= 1) {
      const share = Math.ceil(left / matches);
      await playMatch(contestants, { generator, load, rounds: share, random, server });
      left -= share;
    }
    return judge(contestants);
  } finally {
    await generator.end();
  }
}

async function playMatch(contestants, { generator, load, rounds, random, server }) {
  try {
    for (const contestant of contestants) {
      contestant.child = new Child(server, { core: SERVER_CORE });
      contestant.port = await contestant.child.call('open', contestant.open);
    }
    for (let round = -WARM_UP_ROUNDS; round < rounds; round += 1) {
      const ownLoad = typeof load === 'function' ? load(random) : load;
      for (const contestant of random.shuffled(contestants)) {
        const result = await playRound(contestant, { generator, load: ownLoad });
        if (round >= 0) contestant.rounds.push(result);
      }
    }
  } finally {
    await Promise.all(contestants.map(({ child }) => child?.end()));
  }
}

async function playRound({ child, port }, { generator, load }) {
  await child.call('startCount');
  const tally = await generator.call('load', { ...load, port });
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const { used, withCollection } = await child.call('endCount');
  const { connections } = load;
  return { ...tally, cpu: used / connections, cpuWithCollection: withCollection / connections };
}

/** Adds what came out of a contest to the result of a bench, under `name`. */
export function addOutcome(result, { name, target, outcome }) {
  const { ratio, counts, failures } = outcome;
  const figure = { name: `${name}, tlsmith / bare`, value: ratio.median, digits: 3, atMost: target, counts };
  result.figures.push(figure);
  result.failures.push(...failures.map((failure) => `${name}: ${failure}`));
  result.details[name] = outcome;
}

function judge(contestants) {
  const [bareA, bareB, tlsmith] = contestants.map(({ rounds }) => rounds);
  const overBare = (figure) =>
    summaryOf(
      tlsmith.map((round, index) => (2 * round[figure]) / (bareA[index][figure] + bareB[index][figure])),
    );
  const control = summaryOf(bareA.map(({ cpu }, index) => cpu / bareB[index].cpu));
  return {
    ratio: overBare('cpu'),
    ratioWithCollection: overBare('cpuWithCollection'),
    control,
    counts:
      notPinned === undefined && control.median >= CONTROL_BAND.low && control.median <= CONTROL_BAND.high,
    contestants: contestants.map(({ name, rounds }) => ({
      name,
      cpu: summaryOf(rounds.map(({ cpu }) => cpu)),
      resumedShare: sum(rounds, 'resumed') / sum(rounds, 'completed'),
      completed: sum(rounds, 'completed'),
    })),
    failures: contestants.flatMap(({ name, rounds }) => {
      const failed = sum(rounds, 'failed');
      const problems = [...new Set(rounds.flatMap((round) => round.problems))].join(', ');
      return failed === 0 ? [] : [`${name}: ${failed} connections failed (${problems})`];
    }),
  };
}

function sum(rounds, figure) {
  return rounds.reduce((total, round) => total + round[figure], 0);
}
