// Runs before the tests: installs the Debian packages that they need and that are missing. Silent when none is.
// Where it may not install anything itself, it prints the one line to run, and fails.
import { spawnSync } from 'node:child_process';
import { DEBIAN_PACKAGES } from './debian-packages.mjs';

const APT = 'apt-get -o DPkg::Lock::Timeout=120';

const missing = missingPackages();
if (missing === undefined || missing.length > 0) install(missing ?? DEBIAN_PACKAGES);

/** The packages of the list that are not installed; undefined where there is no dpkg to ask. */
function missingPackages() {
  const query = spawnSync(
    'dpkg-query',
    ['-W', '-f', '${Package} ${db:Status-Status}\n', ...DEBIAN_PACKAGES],
    {
      encoding: 'utf8',
    },
  );
  if (query.error !== undefined) return undefined;
  const installed = new Set(
    query.stdout
      .split('\n')
      .filter((line) => line.endsWith(' installed'))
      .map((line) => line.split(' ')[0]),
  );
  return DEBIAN_PACKAGES.filter((name) => !installed.has(name));
}

function install(packages) {
  const installation = `${APT} install -y --no-install-recommends ${packages.join(' ')}`;
  if (missing === undefined || process.getuid?.() !== 0) {
    const sudo = process.getuid?.() === 0 ? '' : 'sudo ';
    console.error(`${sudo}${APT} update && ${sudo}${installation}`);
    process.exit(1);
  }
  console.log(`The tests need Debian packages that are not installed: ${packages.join(', ')}.`);
  apt(`${APT} update`);
  apt(installation);
}

function apt(commandLine) {
  console.log(`> ${commandLine}`);
  const [program, ...args] = commandLine.split(' ');
  const { status, error } = spawnSync(program, args, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (status === 0) return;
  console.error(
    `${program} failed${error === undefined ? '' : ` (${error.message})`}. Run it by hand: ${commandLine}`,
  );
  process.exit(1);
}
