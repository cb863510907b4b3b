// What the children that serve have in common: they tell in lines of JSON, and close when their input ends.
import { once } from 'node:events';
import { isTlsmithError, type ListenTarget, type SecureServer } from '../../../src/index.js';

/** One line of JSON. */
export function say(fact: object): void {
  process.stdout.write(`${JSON.stringify(fact)}\n`);
}

/** Listens, says its URLs or why it does not, and closes when the input ends. */
export async function serveWhileInputLasts(secure: SecureServer, target: ListenTarget): Promise<void> {
  try {
    await secure.listen(target);
    say({ urls: secure.urls });
    process.stdin.resume();
    await once(process.stdin, 'end');
    await secure.close();
  } catch (error) {
    if (!isTlsmithError(error)) throw error;
    say({ code: error.code, message: error.message, hint: error.hint });
  }
}
