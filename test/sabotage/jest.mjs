// Runs jest in a copy of the checkout and reads its report.
import { spawn } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Enough for all tests that the breaks name, one after the other. */
const TIME_LIMIT_MS = 1_500_000;
/** How long one test waits for what a break keeps from coming, instead of the minute and a half it would take. */
const PATIENCE_MS = 15_000;
/** For the tests of one break, which may hang for it. */
const TIME_LIMIT_OF_A_BREAK_MS = 120_000;

/**
 * The tests that ran, with `path`, `name` and `status`; and `trouble` when a file did not run as far as its tests
 * or jest did not end, which is no proof of anything.
 */
export async function runJest(copy, { paths, testName }) {
  const report = join(copy, 'jest-report.json');
  await rm(report, { force: true });
  const selection = testName === undefined ? [] : ['--testNamePattern', testName];
  const flags = ['--runInBand', '--forceExit', '--json', '--outputFile', report, '--testPathPatterns'];
  const isOfABreak = testName !== undefined;
  const limit = isOfABreak ? ['--testTimeout', String(2 * PATIENCE_MS)] : [];
  const output = await run([...selection, ...limit, ...flags, ...paths], {
    cwd: copy,
    timeout: isOfABreak ? TIME_LIMIT_OF_A_BREAK_MS : TIME_LIMIT_MS,
    env: { ...process.env, ...(isOfABreak && { TEST_PATIENCE_MS: String(PATIENCE_MS) }) },
  });
  const results = await readFile(report, 'utf8').then(JSON.parse, () => undefined);
  if (results === undefined) return { tests: [], trouble: `jest gave no report:\n${output}` };
  const tests = results.testResults.flatMap((file) =>
    file.assertionResults
      .filter(({ status }) => status === 'passed' || status === 'failed')
      .map(({ fullName, status }) => ({ path: file.name, name: fullName, status })),
  );
  return { tests, trouble: troubleIn(results, tests) };
}

function troubleIn({ testResults }, tests) {
  const broken = testResults.find(
    (file) => file.status === 'failed' && !file.assertionResults.some(({ status }) => status === 'failed'),
  );
  if (broken !== undefined) return `${broken.name} did not run: ${broken.message}`;
  return tests.length === 0 ? 'no test ran' : undefined;
}

async function run(args, { cwd, timeout, env }) {
  const child = spawn(process.execPath, [join('node_modules', 'jest', 'bin', 'jest.js'), ...args], {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout,
    killSignal: 'SIGKILL',
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  await new Promise((resolve, reject) => {
    child.once('error', reject).once('close', resolve);
  });
  return output;
}
