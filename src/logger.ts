/**
 * The logger seam. Methods take facts first and a message second, as pino does, so that a pino instance can
 * be handed over as it is.
 */
import { isPromiseLike } from './promise-like.js';

/** What tlsmith logs to. pino, Fastify's `log` and most structured loggers fit. */
export interface Logger {
  /** Per connection: server name, source, version, cipher. */
  debug(facts: object, message: string): void;
  /** The start line, certificates loaded and renewed. */
  info(facts: object, message: string): void;
  /** Findings and expected faults. */
  warn(facts: object, message: string): void;
  /** What needs a person. */
  error(facts: object, message: string): void;
}

/** A logger that says nothing. */
export const silentLogger: Logger = { debug: noop, info: noop, warn: noop, error: noop };

/** The default: warnings and errors as one line each on stderr; never throws, also when nobody reads stderr. */
export const stderrLogger: Logger = guardedLogger(lineLogger(forgivingStderr()));

/** Wraps `logger` so that its exceptions and rejections reach nobody: logging is no reason to fail. */
export function guardedLogger(logger: Logger): Logger {
  const guard =
    (level: keyof Logger) =>
    (facts: object, message: string): void => {
      try {
        const write = Reflect.get(logger, level) as (...line: unknown[]) => unknown;
        const result = Reflect.apply(write, logger, [facts, message]);
        if (isPromiseLike(result)) result.then(undefined, noop);
      } catch {
        // There is nowhere left to report it to.
      }
    };
  return { debug: guard('debug'), info: guard('info'), warn: guard('warn'), error: guard('error') };
}

/**
 * Writes to stderr and lets nobody hear when that fails: a bare `stderr.write` ends the process when its reader is gone,
 * because EPIPE comes later, as an 'error' event. So one listener is held as long as writes are under way.
 */
function forgivingStderr(): (line: string) => void {
  let underWay = 0;
  const done = (): void => {
    underWay -= 1;
    if (underWay === 0) process.stderr.off('error', noop);
  };
  return (line) => {
    const { stderr } = process;
    underWay += 1;
    if (underWay === 1) stderr.on('error', noop);
    stderr.write(line, (error) => {
      // The event comes after this callback, within the same turn.
      if (error === null || error === undefined) done();
      else setImmediate(done);
    });
  };
}

/** Warnings and errors as one line each. */
function lineLogger(write: (line: string) => void): Logger {
  const line =
    (level: string) =>
    (facts: object, message: string): void => {
      write(`tlsmith ${level}: ${message}${detailsOf(facts)}\n`);
    };
  return { debug: noop, info: noop, warn: line('warning'), error: line('error') };
}

function detailsOf(facts: object): string {
  try {
    return Object.keys(facts).length === 0 ? '' : ` ${JSON.stringify(facts, bigintAsText)}`;
  } catch {
    return ' (its facts cannot be printed)'; // The message matters more.
  }
}

function bigintAsText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

function noop(): void {
  // Says nothing on purpose.
}
