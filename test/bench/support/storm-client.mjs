// A client process that does all a server must bear during swaps: handshakes as fast as it can, tickets from
// before a swap tried after it, and open connections that ask something every second.
import { connect } from 'node:tls';
import { answerCalls } from './child.mjs';
import { clientOptions, getOnce } from './connect.mjs';
import { BODY, isGoodResponse, requestText } from './protocol.mjs';
import { serialOf } from './serials.mjs';

const CONCURRENCY = 8;
const VERSIONS = ['TLSv1.3', 'TLSv1.2'];
const TICKETS_KEPT = 2_000;
const REQUEST_EVERY_MS = 1_000;
const PROBLEMS_KEPT = 10;

/** The last swap the parent told of: when it happened, and the serial served since. */
let lastSwap = { at: 0n, serial: 1 };
let storm;

answerCalls({
  /** Opens the connections to keep. */
  open: async ({ keptConnections, ...options }) => {
    storm = new Storm(options);
    await storm.openKept(keptConnections);
  },
  swapped: ({ at, serial }) => {
    lastSwap = { at: BigInt(at), serial };
  },
  rage: ({ seconds }) => storm.rage(seconds),
});

class Storm {
  #options;
  #kept = [];
  #tickets = { 'TLSv1.3': [], 'TLSv1.2': [] };
  #tally = { handshakes: 0, failed: 0, stale: 0, problems: [], tried: newCounts(), resumed: newCounts() };

  constructor(options) {
    this.#options = options;
  }

  async openKept(count) {
    while (this.#kept.length < count) {
      const connection = new KeptConnection({ ...this.#options, version: VERSIONS[this.#kept.length % 2] });
      this.#kept.push(connection);
      await connection.request();
    }
  }

  async rage(seconds) {
    const end = performance.now() + seconds * 1000;
    const timers = this.#kept.map((connection, index) => {
      const delay = (index / this.#kept.length) * REQUEST_EVERY_MS;
      return connection.requestEvery(REQUEST_EVERY_MS, delay);
    });
    const lanes = Array.from({ length: CONCURRENCY }, async (_, lane) => {
      for (let turn = lane; performance.now() < end; turn += 1) await this.#handshake(VERSIONS[turn % 2]);
    });
    await Promise.all(lanes);
    for (const stop of timers) stop();
    await Promise.all(this.#kept.map((connection) => connection.lastAnswer()));
    const dropped = this.#kept.filter(({ problem }) => problem !== undefined);
    for (const { problem } of dropped) this.#note(`kept connection: ${problem}`);
    const answers = this.#kept.reduce((total, connection) => total + connection.answers, 0);
    for (const connection of this.#kept) connection.end();
    return { ...this.#tally, kept: this.#kept.length, dropped: dropped.length, answers };
  }

  /** Tries the oldest ticket from before the last swap, if there is one; else makes a full handshake. */
  async #handshake(version) {
    const tickets = this.#tickets[version];
    const ticket = tickets.length > 0 && tickets[0].at < lastSwap.at ? tickets.shift() : undefined;
    const { serial: newest } = lastSwap;
    const outcome = await getOnce({
      ...this.#options,
      version,
      session: ticket?.session,
      inspect: ticket === undefined ? (socket) => serialOf(socket.getPeerX509Certificate()) : undefined,
    });
    const { problem, isResumed, sessions, facts: shown } = outcome;
    this.#tally.handshakes += 1;
    if (problem !== undefined) {
      this.#tally.failed += 1;
      this.#note(problem);
      return;
    }
    if (ticket !== undefined) {
      this.#tally.tried[version] += 1;
      if (isResumed) this.#tally.resumed[version] += 1;
      return;
    }
    // The swap was known here before the handshake began.
    if (shown < newest) this.#tally.stale += 1;
    // One ticket of a connection: a client has to use each only once, and many keep only one.
    if (sessions.length > 0 && tickets.length < TICKETS_KEPT)
      tickets.push({ session: sessions[0], at: process.hrtime.bigint() });
  }

  #note(problem) {
    if (this.#tally.problems.length < PROBLEMS_KEPT) this.#tally.problems.push(problem);
  }
}

function newCounts() {
  return { 'TLSv1.3': 0, 'TLSv1.2': 0 };
}

/** An open connection with one request at a time. */
class KeptConnection {
  answers = 0;
  problem;
  #socket;
  #answered = Promise.resolve();
  #onAnswer = () => undefined;
  #isEnding = false;

  constructor(options) {
    let text = '';
    this.#socket = connect(clientOptions(options));
    this.#socket.setEncoding('latin1');
    this.#socket.on('data', (chunk) => {
      text += chunk;
      if (!text.includes(BODY)) return;
      if (!isGoodResponse(text)) this.#fail(`answered ${text.slice(0, 40)}`);
      text = '';
      this.answers += 1;
      this.#onAnswer();
    });
    this.#socket.on('error', (error) => this.#fail(error.code ?? error.message));
    this.#socket.on('close', () => {
      if (!this.#isEnding) this.#fail('closed by the server');
    });
  }

  request() {
    this.#answered = new Promise((resolve) => {
      this.#onAnswer = resolve;
    });
    this.#socket.write(requestText('keep-alive'));
    return this.#answered;
  }

  requestEvery(periodMs, delayMs) {
    let timer;
    const again = () => {
      timer = setTimeout(again, periodMs);
      if (this.problem === undefined) void this.request();
    };
    timer = setTimeout(again, delayMs);
    return () => clearTimeout(timer);
  }

  lastAnswer() {
    return this.#answered;
  }

  end() {
    this.#isEnding = true;
    this.#socket.destroy();
  }

  #fail(problem) {
    this.problem ??= problem;
    this.#onAnswer();
  }
}
