// A server with an ACME certificate that counts what it asks of its storage, tells each step, and kills itself at the
// one it is told to. Its only argument is JSON, made by kill-process.ts. It ends when its input does.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { writeSync } from 'node:fs';

const plan = JSON.parse(process.argv[2]);
const { acme, createSecureServer, fileStorage } = await import(plan.library);

/** A write takes about so long: whoever dies within it dies anywhere in it. */
const LONGEST_WRITE_MS = 3;
const spared = patternOf(plan.spared);
const moment = patternOf(plan.moment);
let steps = 0;

function step(text, die = killed) {
  steps += 1;
  writeSync(1, `step ${steps} ${text}\n`);
  const isDue = steps >= plan.killAtStep || moment?.test(text) === true;
  if (isDue && spared?.test(text) !== true) die();
}

function patternOf(text) {
  return text === undefined ? undefined : new RegExp(text);
}

function killed() {
  process.kill(process.pid, 'SIGKILL');
}

function killedSoon() {
  setTimeout(killed, Math.random() * LONGEST_WRITE_MS);
}

/** After a read everything is as before it. */
async function stepped(what, key, work) {
  step(`before ${what} ${key}`);
  if (what === 'get') return work();
  const result = work();
  step(`during ${what} ${key}`, killedSoon);
  await result;
  step(`after ${what} ${key}`);
  return result;
}

const inner = fileStorage(plan.folder);
const storage = {
  get: (key) => stepped('get', key, () => inner.get(key)),
  put: (key, bytes, options) => {
    if (/\/account$/.test(key)) writeSync(1, `account ${digestOf(bytes)}\n`);
    return stepped('put', key, () => inner.put(key, bytes, options));
  },
  delete: (key, options) => stepped('delete', key, () => inner.delete(key, options)),
  list: (prefix) => inner.list(prefix),
  lock: async (key, options) => {
    // Whoever comes after a dead process waits for its lease.
    const lease = await stepped('lock', key, () => inner.lock(key, { ...options, leaseMs: plan.leaseMs }));
    const { token, signal } = lease;
    return { key: lease.key, token, signal, release: () => stepped('release', key, () => lease.release()) };
  },
  watch: (prefix, onChange) => inner.watch(prefix, onChange),
};

/** Of the key, not of the record: the URL is added to it later. */
function digestOf(bytes) {
  const { key } = JSON.parse(Buffer.from(bytes).toString());
  return createHash('sha256').update(key).digest('hex');
}

const clock = {
  now: () => Date.now() + plan.aheadMs,
  setTimeout: (callback, delayMs) => setTimeout(callback, delayMs).unref(),
  clearTimeout,
};
const inputEnds = once(process.stdin.resume(), 'end');
const secure = createSecureServer(
  {
    sources: acme({
      ...{ domains: [plan.names], termsOfServiceAgreed: true, challenges: [plan.challenge] },
      ...{ directoryUrl: plan.directoryUrl, serverCaFile: plan.serverCaFile },
    }),
    ...{ storage, clock, logger: false },
    ...(plan.challenge === 'http-01' ? { http: { port: plan.httpPort, host: '127.0.0.1' } } : {}),
  },
  (request, response) => response.end('page'),
);
secure.on('failed', ({ error }) => {
  writeSync(1, `failed ${error.code} ${error.message.replaceAll('\n', ' ')}\n`);
});
await secure.listen({ port: plan.tlsPort, host: '127.0.0.1' });

const state = () => secure.status().certificates[0];
writeSync(1, `listening ${state().state} ${state().serialNumber ?? '-'}\n`);
for (let serial; serial === undefined || serial === plan.until; serial = state().serialNumber) {
  await new Promise((resolve) => setTimeout(resolve, 5));
}
writeSync(1, `served ${state().serialNumber}\n`);
if (plan.diesInTheEnd) killed();
// What comes after: the record of failures is deleted, leases are given back, and the authority is asked when to renew.
await new Promise((resolve) => setTimeout(resolve, plan.lingerMs));
await inputEnds;
for await (const key of inner.list('acme/')) {
  if (/\/account$/.test(key)) writeSync(1, `kept ${digestOf((await inner.get(key)).bytes)}\n`);
}
await secure.close({ graceMs: 0 });
