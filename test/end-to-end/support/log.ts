// A logger that remembers what was logged.
import type { Logger } from '../../../src/index.js';

/** One call of the logger. */
export interface LogLine {
  readonly level: keyof Logger;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** A logger and its lines. */
export interface MemoryLog {
  readonly logger: Logger;
  readonly lines: readonly LogLine[];
}

/** Makes an empty log. */
export function memoryLog(): MemoryLog {
  const lines: LogLine[] = [];
  const write = (level: keyof Logger) => (facts: object, message: string) => {
    lines.push({ level, facts: { ...facts }, message });
  };
  return {
    logger: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
    lines,
  };
}
