// A client process that watches which certificate is shown. Certificates are told apart by their serial numbers.
import { answerCalls, emitToParent } from './child.mjs';
import { getOnce } from './connect.mjs';
import { serialOf } from './serials.mjs';

const LONGEST_WAIT_MS = 10_000;

answerCalls({
  /** Connects one after another until `serial` is shown; instants are of the monotonic clock. */
  awaitSerial: async ({ serial, ...options }) => {
    const end = performance.now() + LONGEST_WAIT_MS;
    let lastOther = 0n;
    while (performance.now() < end) {
      const begunAt = process.hrtime.bigint();
      const { problem, facts } = await getOnce({ ...options, inspect: shown });
      if (problem !== undefined) throw new Error(`a handshake failed: ${problem}`);
      const { shownAt } = facts;
      if (facts.serial === serial)
        return { begunAt: `${begunAt}`, shownAt: `${shownAt}`, lastOther: `${lastOther}` };
      if (lastOther === 0n) emitToParent('connecting');
      lastOther = begunAt;
    }
    throw new Error(`serial ${serial} was not shown within ${LONGEST_WAIT_MS} ms`);
  },
});

function shown(socket) {
  const shownAt = process.hrtime.bigint();
  return { shownAt, serial: serialOf(socket.getPeerX509Certificate()) };
}
