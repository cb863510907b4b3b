/**
 * The logger seam. Methods take facts first and a message second, as pino does, so that a pino instance can
 * be handed over as it is.
 */

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

/** The default: warnings and errors as one line each on stderr. */
export const stderrLogger: Logger = {
  debug: noop,
  info: noop,
  warn: (facts, message) => {
    writeLine('warning', facts, message);
  },
  error: (facts, message) => {
    writeLine('error', facts, message);
  },
};

/** Wraps `logger` so that its exceptions and rejections reach nobody: logging is no reason to fail. */
export function guardedLogger(logger: Logger): Logger {
  const guard =
    (level: keyof Logger) =>
    (facts: object, message: string): void => {
      try {
        const write = Reflect.get(logger, level) as (...line: unknown[]) => unknown;
        const result = Reflect.apply(write, logger, [facts, message]);
        if (isPromise(result)) result.then(undefined, noop);
      } catch {
        // There is nowhere left to report it to.
      }
    };
  return { debug: guard('debug'), info: guard('info'), warn: guard('warn'), error: guard('error') };
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

function writeLine(level: string, facts: object, message: string): void {
  const details = Object.keys(facts).length === 0 ? '' : ` ${JSON.stringify(facts)}`;
  process.stderr.write(`tlsmith ${level}: ${message}${details}\n`);
}

function noop(): void {
  // Says nothing on purpose.
}
