import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it, jest } from '@jest/globals';
import { guardedLogger, type Logger, stderrLogger } from '../src/logger.js';

const ROOT = join(__dirname, '..');

/** Waits for a line on stdin, logs, and says how it lives on. */
const PROGRAM = `
  import { stderrLogger } from './src/logger.ts';
  process.stdout.write('ready\\n');
  process.stdin.once('data', async () => {
    for (let count = 0; count < 20; count += 1) {
      stderrLogger.warn({ count }, 'nobody reads this');
      await new Promise((resolve) => setImmediate(resolve));
    }
    await new Promise((resolve) => setImmediate(resolve));
    process.stdout.write('alive, ' + process.stderr.listenerCount('error') + ' listeners left\\n', () => process.exit(0));
  });
`;

describe('the default logger', () => {
  it('does not end the process when the reader of stderr is gone', async () => {
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', PROGRAM], {
      cwd: ROOT,
    });
    const exited = once(child, 'exit') as Promise<[number | null]>;
    await once(child.stdout, 'data');
    child.stderr.destroy();
    await once(child.stderr, 'close');
    child.stdin.write('go\n');
    const [output, [exitCode]] = await Promise.all([text(child.stdout), exited]);
    expect(output).toContain('alive, 0 listeners left');
    expect(exitCode).toBe(0);
  });

  it('writes one line with message and facts', () => {
    expect(
      written(() => {
        stderrLogger.warn({ code: 'X' }, 'message');
      }),
    ).toEqual(['tlsmith warning: message {"code":"X"}\n']);
    expect(
      written(() => {
        stderrLogger.error({}, '100 %s');
      }),
    ).toEqual(['tlsmith error: 100 %s\n']);
  });

  it('writes the message also when its facts cannot be printed', () => {
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    expect(
      written(() => {
        stderrLogger.error(cycle, 'cycle');
      }),
    ).toEqual(['tlsmith error: cycle (its facts cannot be printed)\n']);
    expect(
      written(() => {
        stderrLogger.error({ size: 10n }, 'big');
      }),
    ).toEqual(['tlsmith error: big {"size":"10"}\n']);
  });

  it('says nothing of info and debug', () => {
    expect(
      written(() => {
        stderrLogger.info({}, 'm');
        stderrLogger.debug({}, 'm');
      }),
    ).toEqual([]);
  });

  function written(act: () => void): unknown[] {
    const write = jest.spyOn(process.stderr, 'write').mockImplementation((_line, done) => {
      (done as unknown as () => void)();
      return true;
    });
    try {
      act();
      return write.mock.calls.map(([line]) => line);
    } finally {
      write.mockRestore();
    }
  }
});

describe('a guarded logger', () => {
  it('keeps exceptions and rejections of its logger to itself', async () => {
    const fails: readonly (() => unknown)[] = [
      () => {
        throw new Error('disk full');
      },
      () => Promise.reject(new Error('disk full')),
    ];
    for (const fail of fails) {
      const logger = { debug: fail, info: fail, warn: fail, error: fail } as Logger;
      expect(() => {
        guardedLogger(logger).error({}, 'message');
      }).not.toThrow();
    }
    await new Promise((resolve) => setImmediate(resolve));
  });
});
