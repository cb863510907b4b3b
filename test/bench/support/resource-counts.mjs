// What a server child tells about its own use of the processor and memory: methods for answerCalls.

let before;

export const resourceCounts = {
  /** Begins to count CPU time, with the garbage of earlier rounds out of the way. */
  startCount: () => {
    global.gc();
    before = process.cpuUsage();
  },

  /** CPU time in microseconds since `startCount`, without and with a collection of the garbage made. */
  endCount: () => {
    const used = total(process.cpuUsage(before));
    global.gc();
    return { used, withCollection: total(process.cpuUsage(before)) };
  },

  /** Memory in bytes that is really in use. */
  memory: () => {
    global.gc();
    const { rss, heapUsed } = process.memoryUsage();
    return { rss, heapUsed };
  },
};

function total({ user, system }) {
  return user + system;
}
