// A client of an authority in a process of its own: what it leaves undone is gone with it, and nobody waits for ever.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const child = fileURLToPath(new URL('obtain.mjs', import.meta.url));

/** One client, whose process lives from one round to the next. */
export class Contestant {
  #child;
  #settings;

  /** @param settings `client`, the module next to this one; `entry`, the package; `pebble`, the authority */
  constructor({ client, entry, pebble }) {
    const { directoryUrl, serverCaFile, serverCa, tlsPort, httpPort } = pebble;
    this.#settings = { client, entry, pebble: { directoryUrl, serverCaFile, serverCa, tlsPort, httpPort } };
  }

  /** Seconds until there is a certificate for each name; rejects when that takes longer than it may. */
  async obtain(names, longestMs) {
    this.#child ??= fork(child, [JSON.stringify(this.#settings)]);
    const asked = this.#child;
    asked.send(names);
    const waiting = new AbortController();
    const { signal } = waiting;
    const timer = setTimeout(() => waiting.abort(), longestMs);
    const tooLong = () => ({ error: `it took longer than ${longestMs / 1_000} s` });
    const answer = await Promise.race([
      once(asked, 'message', { signal }).then(([message]) => message, tooLong),
      once(asked, 'exit', { signal }).then(() => ({ error: 'its process has ended' }), tooLong),
    ]);
    clearTimeout(timer);
    waiting.abort();
    if (answer.error === undefined) return answer.seconds;
    await this.stop();
    throw new Error(answer.error);
  }

  async stop() {
    const ending = this.#child;
    this.#child = undefined;
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
    const exited = once(ending, 'exit');
    ending.kill('SIGTERM');
    await exited;
  }
}
