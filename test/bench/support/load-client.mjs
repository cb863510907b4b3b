// A client process: a number of connections with one GET each, some at a time.
import { connect as connectHttp2 } from 'node:http2';
import { answerCalls } from './child.mjs';
import { clientOptions, getOnce } from './connect.mjs';
import { BODY } from './protocol.mjs';

const TIMEOUT_MS = 10_000;
const PROBLEMS_KEPT = 5;

answerCalls({
  /**
   * Makes `connections` connections, `concurrency` at a time, going round `names`. `tickets`: undefined = every
   * handshake is full; `reused` = one ticket serves for all; `once` = each ticket received is used once, and a
   * connection for which there is none is full, as browsers do it.
   */
  load: async ({ connections, concurrency, names, tickets, http2 = false, ...options }) => {
    const tally = { completed: 0, resumed: 0, failed: 0, problems: [] };
    const wallet =
      tickets === undefined ? undefined : await TicketWallet.open(tickets, { ...options, name: names[0] });
    let begun = 0;
    const lane = async () => {
      while (begun < connections) {
        const name = names[begun % names.length];
        begun += 1;
        const outcome = http2
          ? await getOnceOverHttp2({ ...options, name })
          : await getOnce({ ...options, name, session: wallet?.take() });
        wallet?.put(outcome.sessions);
        record(tally, outcome);
      }
    };
    await Promise.all(Array.from({ length: concurrency }, lane));
    return tally;
  },
});

class TicketWallet {
  #isReused;
  #tickets;

  constructor(usage, tickets) {
    this.#isReused = usage === 'reused';
    this.#tickets = tickets;
  }

  static async open(usage, options) {
    const { problem, sessions } = await getOnce(options);
    if (problem !== undefined) throw new Error(`the connection to get a ticket from failed: ${problem}`);
    return new TicketWallet(usage, sessions);
  }

  take() {
    return this.#isReused ? this.#tickets[0] : this.#tickets.pop();
  }

  put(tickets) {
    if (!this.#isReused) this.#tickets.push(...tickets);
  }
}

function record(tally, { problem, isResumed }) {
  if (problem === undefined) {
    tally.completed += 1;
    if (isResumed) tally.resumed += 1;
    return;
  }
  tally.failed += 1;
  if (tally.problems.length < PROBLEMS_KEPT) tally.problems.push(problem);
}

function getOnceOverHttp2(options) {
  return new Promise((resolve) => {
    const session = connectHttp2(`https://127.0.0.1:${options.port}`, {
      ...clientOptions(options),
      ALPNProtocols: ['h2'],
    });
    let isGood = false;
    const finish = (error) => {
      clearTimeout(timer);
      session.destroy();
      resolve({ problem: isGood ? undefined : (error ?? 'no good answer'), isResumed: false });
    };
    const timer = setTimeout(() => finish('timeout'), TIMEOUT_MS);
    session.once('error', (error) => finish(error.code ?? error.message));
    session.once('close', () => finish());
    const request = session.request({ ':path': '/' });
    let status;
    let text = '';
    request.setEncoding('latin1');
    request.once('response', (headers) => {
      status = headers[':status'];
    });
    request.on('data', (chunk) => {
      text += chunk;
    });
    request.once('error', (error) => finish(error.code ?? error.message));
    request.once('end', () => {
      isGood = status === 200 && text === BODY;
      session.close();
    });
  });
}
