/** The user's data folder, as each system has it. */
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { TlsmithError } from '../errors.js';

/** What the choice depends on. */
export interface Surroundings {
  readonly platform: NodeJS.Platform;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The home folder; may throw for a user without one. */
  readonly home: () => string;
}

/**
 * `$XDG_DATA_HOME/tlsmith` or `~/.local/share/tlsmith`; on macOS `~/Library/Application Support/tlsmith`, on Windows
 * `%LOCALAPPDATA%\tlsmith`.
 * @throws TlsmithError `STORAGE_NOT_WRITABLE` when the user has no home folder
 */
export function defaultDataFolder(surroundings?: Surroundings): string {
  const { platform, env, home } = surroundings ?? {
    platform: process.platform,
    env: process.env,
    home: homedir,
  };
  const fromHome = (...names: string[]): string => join(homeOf(home), ...names, 'tlsmith');
  if (platform === 'darwin') return fromHome('Library', 'Application Support');
  if (platform === 'win32') {
    return env['LOCALAPPDATA'] ? join(env['LOCALAPPDATA'], 'tlsmith') : fromHome('AppData', 'Local');
  }
  const dataHome = env['XDG_DATA_HOME'];
  // XDG Base Directory Specification: a relative path is to be ignored.
  return dataHome && isAbsolute(dataHome) ? join(dataHome, 'tlsmith') : fromHome('.local', 'share');
}

function homeOf(home: () => string): string {
  try {
    return home();
  } catch (error) {
    throw new TlsmithError(
      'STORAGE_NOT_WRITABLE',
      'There is no folder to store in: this user has no home folder.',
      {
        cause: error,
        hint: "Name one: fileStorage('/var/lib/my-app/tls').",
      },
    );
  }
}
