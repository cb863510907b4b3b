// What every client is told: where to connect, which name to ask for, whom to trust.
import { writeFile } from 'node:fs/promises';
import { type TemporaryFolder, withTemporaryFolder } from '../temporary-folder.js';

/** A server on 127.0.0.1 and the root to trust. */
export interface Target {
  readonly port: number;
  /** The name for SNI, verification and the Host header; defaults to `localhost`. */
  readonly host?: string;
  /** Begins with `/`; defaults to `/`. */
  readonly path?: string;
  /** The trusted roots as PEM text, or ... */
  readonly caPem?: string;
  /** ... as a file. With neither, the client trusts nothing that a test makes. */
  readonly caFile?: string;
  readonly timeLimitMs?: number;
}

/** The target with its defaults filled in. */
export interface CompleteTarget {
  readonly port: number;
  readonly host: string;
  readonly path: string;
  readonly caFile: string | undefined;
  readonly limit: { timeLimitMs?: number };
  readonly folder: TemporaryFolder;
}

/** Runs `use` with the defaults filled in, the roots as a file, and a folder that is removed afterwards. */
export function withTarget<Result>(
  target: Target,
  use: (complete: CompleteTarget) => Promise<Result>,
): Promise<Result> {
  return withTemporaryFolder(async (folder) => {
    let { caFile } = target;
    if (target.caPem !== undefined) {
      caFile = folder.file('trusted.pem');
      await writeFile(caFile, target.caPem);
    }
    return use({
      port: target.port,
      host: target.host ?? 'localhost',
      path: target.path ?? '/',
      caFile,
      limit: target.timeLimitMs === undefined ? {} : { timeLimitMs: target.timeLimitMs },
      folder,
    });
  });
}
