// The folder that is served: thousands of pairs `name-N.bench.test.crt` and `.key`, and a default pair. Nothing of it is
// left when this process ends.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CertificateMaker } from '../certificates.mjs';

/** Keys are made in node's threads meanwhile; more at once are not faster. */
const MADE_AT_ONCE = 16;
const TOLD_EVERY = 1_000;
const PRIVATE = { mode: 0o600 };

/** Pairs on a disk. Certificates are told apart by their serial numbers. */
export class CertificateFolder {
  /** Where all of this lies; whatever a measurement needs beside the folder may be put there. */
  base = mkdtempSync(join(tmpdir(), 'tlsmith-bench-'));
  path = join(this.base, 'certificates');
  names;
  #maker;
  #lastSerial = 1;

  /** Makes the folder. */
  static async create(count) {
    const folder = new CertificateFolder();
    process.once('exit', () => folder.remove());
    folder.names = Array.from({ length: count }, (_, index) => `name-${index}.bench.test`);
    folder.#maker = await CertificateMaker.create();
    mkdirSync(folder.path);
    await folder.#makeAll('pairs', { serial: 1, into: folder.path });
    writePair(folder.path, 'default', await folder.#maker.pair(['default.bench.test']));
    return folder;
  }

  /** What clients trust. */
  get root() {
    return this.#maker.root;
  }

  /** Of the certificate that is made next. */
  get nextSerial() {
    return this.#lastSerial + 1;
  }

  /** A new certificate for one name: written beside, renamed over. Says when the second file was in place. */
  async replace(name) {
    const serial = (this.#lastSerial += 1);
    const pair = await this.#maker.pair([name], serial);
    for (const ending of ['key', 'crt'])
      writeFileSync(this.#beside(name, ending), textOf(pair, ending), PRIVATE);
    for (const ending of ['key', 'crt'])
      renameSync(this.#beside(name, ending), join(this.path, `${name}.${ending}`));
    return process.hrtime.bigint();
  }

  /** Makes a new pair for every name in another folder, for someone else to put them in place. */
  async stageAll() {
    const serial = (this.#lastSerial += 1);
    const path = join(this.base, 'staged');
    mkdirSync(path);
    await this.#makeAll('new pairs', { serial, into: path });
    return { path, serial };
  }

  /** Another folder with chain and key of each name in one file, as haproxy and caddy want them. */
  combined() {
    const path = join(this.base, 'combined');
    if (existsSync(path)) return path;
    mkdirSync(path);
    for (const name of [...this.names, 'default']) {
      const texts = ['crt', 'key'].map((ending) =>
        readFileSync(join(this.path, `${name}.${ending}`), 'utf8'),
      );
      writeFileSync(join(path, `${name}.pem`), texts.join(''), PRIVATE);
    }
    return path;
  }

  remove() {
    rmSync(this.base, { recursive: true, force: true, maxRetries: 3 });
  }

  #beside(name, ending) {
    return join(this.path, `.${name}.${ending}.new`);
  }

  async #makeAll(what, { serial, into }) {
    let next = 0;
    const lane = async () => {
      while (next < this.names.length) {
        const name = this.names[next];
        next += 1;
        if (next % TOLD_EVERY === 0) process.stderr.write(`  ${next} of ${this.names.length} ${what}\n`);
        writePair(into, name, await this.#maker.pair([name], serial));
      }
    };
    await Promise.all(Array.from({ length: MADE_AT_ONCE }, lane));
  }
}

function writePair(folder, name, pair) {
  for (const ending of ['crt', 'key'])
    writeFileSync(join(folder, `${name}.${ending}`), textOf(pair, ending), PRIVATE);
}

function textOf({ cert, key }, ending) {
  return ending === 'crt' ? cert : `${key}\n`;
}
