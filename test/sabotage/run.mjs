// Breaks the library on purpose, one way at a time, and demands that the named test turns red: a test that cannot
// fail is a defect. Works on copies; the checkout is not touched.
// Usage: npm run test:sabotage [-- --tests-passed] [<pattern for the names of the breaks>]
// --tests-passed: they are known to be green while nothing is broken, and need not be run for that.
import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { breaks } from './breaks.mjs';
import { runJest } from './jest.mjs';

const checkout = fileURLToPath(new URL('../..', import.meta.url));
const COPIES = 2;
const TRIES = 3;
const LEFT_OUT = new Set(['node_modules', '.git', 'dist', 'coverage', '.matrix']);

const { values, positionals } = parseArgs({
  options: { 'tests-passed': { type: 'boolean' } },
  allowPositionals: true,
});
const major = Number(process.versions.node.split('.')[0]);
const matching = breaks.filter(({ name }) => new RegExp(positionals[0] ?? '').test(name));
const chosen = matching.filter(({ fromNode = 0, toNode = major }) => fromNode <= major && major <= toNode);
for (const { name, toNode } of matching)
  if (toNode < major) console.log(`left    ${name}: shows up to Node ${toNode}`);
for (const { name, fromNode } of matching)
  if (fromNode > major) console.log(`left    ${name}: shows from Node ${fromNode} on`);
const folder = await mkdtemp(join(tmpdir(), 'tlsmith-sabotage-'));
try {
  const copies = await Promise.all(Array.from({ length: COPIES }, (_, index) => copyCheckout(String(index))));
  const complaint = values['tests-passed'] ? undefined : await complaintAboutUnbroken(copies[0]);
  if (complaint === undefined) await runBreaks(copies);
  else {
    console.error(complaint);
    process.exitCode = 1;
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function copyCheckout(name) {
  const copy = join(folder, name);
  for (const entry of await readdir(checkout)) {
    if (!LEFT_OUT.has(entry)) await cp(join(checkout, entry), join(copy, entry), { recursive: true });
  }
  await symlink(join(checkout, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

/** Why the breaks would prove nothing: a test that is red already, or that does not exist. */
async function complaintAboutUnbroken(copy) {
  const { tests, trouble } = await runJest(copy, { paths: [...new Set(chosen.map(({ test }) => test))] });
  if (trouble !== undefined) return `Before anything was broken: ${trouble}`;
  const red = tests.find(({ status }) => status === 'failed');
  if (red !== undefined) return `Before anything was broken, this test fails: ${red.name}`;
  for (const { name, test, testName } of chosen) {
    const isThere = tests.some(
      (one) => new RegExp(test).test(one.path) && new RegExp(testName).test(one.name),
    );
    if (!isThere) return `No test of ${test} is called /${testName}/, which "${name}" needs.`;
  }
  return undefined;
}

async function runBreaks(copies) {
  const waiting = [...chosen];
  let noticed = 0;
  await Promise.all(
    copies.map(async (copy) => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const complaint = await complaintAfterTries(next, copy);
        if (complaint === undefined) noticed += 1;
        console.log(complaint === undefined ? `ok      ${next.name}` : `NOT OK  ${next.name}: ${complaint}`);
      }
    }),
  );
  console.log(`\n${noticed} passed, ${chosen.length - noticed} failed`);
  if (noticed < chosen.length) process.exitCode = 1;
}

/** A test that notices a break on some runs only wants mending, which is said; it does not stop a release. */
async function complaintAfterTries(next, copy) {
  let complaint;
  for (let attempt = 1; attempt <= TRIES; attempt += 1) {
    complaint = await complaintAbout(next, copy);
    if (complaint === undefined) return undefined;
    console.log(`try ${attempt}   ${next.name}: ${complaint}`);
  }
  return complaint;
}

/** Why a break went unnoticed; undefined when its test turned red. */
async function complaintAbout({ file, find, replace, test, testName }, copy) {
  const path = join(copy, file);
  const whole = await readFile(path, 'utf8');
  const occurrences = whole.split(find).length - 1;
  if (occurrences !== 1) return `its text occurs ${occurrences} times in ${file}`;
  await writeFile(
    path,
    whole.replace(find, () => replace),
  );
  try {
    const { tests, trouble } = await runJest(copy, { paths: [test], testName });
    if (tests.some(({ status }) => status === 'failed')) return undefined;
    return trouble ?? `/${testName}/ stays green`;
  } finally {
    await writeFile(path, whole);
  }
}
