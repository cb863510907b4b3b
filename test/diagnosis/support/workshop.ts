// Certificates made by openssl itself, in a folder with a root, an intermediate and another authority.
import { readFile, writeFile } from 'node:fs/promises';
import { createCredential, type Credential } from '../../../src/credential/credential.js';
import { run } from '../../support/clients.js';
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary-folder.js';

/** A folder in which openssl works. */
export interface Workshop {
  readonly folder: TemporaryFolder;
  /** Runs a line of shell there; throws what it says when it fails. */
  sh(line: string): Promise<void>;
  /** Makes a request with a new key in `<base>.key` and signs it; the certificate is in `<base>.pem`. */
  issue(base: string, leaf: LeafDescription): Promise<void>;
  /** The proven pair in these files; `certs` are joined. */
  credential(keyBase: string, ...certs: readonly string[]): Promise<Credential>;
}

/** What openssl is told about a leaf. */
export interface LeafDescription {
  /** Such as `/CN=a.test`; `/` is an empty subject. */
  readonly subject?: string;
  /** Lines of the extension section; none makes a certificate of version 1. */
  readonly extensions?: readonly string[];
  /** For `openssl req -newkey`, such as `rsa:2048`. */
  readonly newKey?: string;
  /** `root`, `intermediate` or another base name whose files are there. */
  readonly issuer?: string;
  /** Start and end of validity, as `20200101000000Z`. */
  readonly dates?: readonly [from: string, until: string];
  /** Further arguments of `openssl x509`, such as `-sha1`; `-days 365` unless given. */
  readonly x509Args?: string;
}

/** The extensions of a leaf as a present authority writes them. */
export const GOOD_EXTENSIONS = [
  'subjectAltName=DNS:a.test',
  'keyUsage=critical,digitalSignature',
  'extendedKeyUsage=serverAuth',
  'basicConstraints=critical,CA:FALSE',
] as const;

/** An elliptic key, for `openssl req -newkey`. */
export const P256 = 'ec -pkeyopt ec_paramgen_curve:prime256v1';
const AUTHORITY = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign'];

/** `openssl x509` of OpenSSL 3.0 cannot make certificates of the past; `openssl ca` can. */
const CA_CONFIG = [
  '[ca]',
  'default_ca = ca_default',
  '[ca_default]',
  'database = index.txt',
  'new_certs_dir = .',
  'rand_serial = yes',
  'unique_subject = no',
  'default_md = sha256',
  'policy = any_name',
  '[any_name]',
  'commonName = optional',
].join('\n');

/** Makes the folder, with `root`, `intermediate` (issued by it) and the keys of both. */
export async function openWorkshop(): Promise<Workshop> {
  const folder = await temporaryFolder();
  const workshop: Workshop = {
    folder,
    async sh(line) {
      const { exitCode, stderr } = await run({
        program: 'sh',
        args: ['-c', `cd '${folder.path}' && ${line}`],
      });
      if (exitCode !== 0) throw new Error(`${line}\n${stderr}`);
    },
    async issue(base, leaf) {
      const { subject = '/CN=a.test', extensions = GOOD_EXTENSIONS, newKey = P256 } = leaf;
      const { issuer = 'intermediate', x509Args = '-days 365', dates } = leaf;
      await writeFile(folder.file(`${base}.ext`), extensions.join('\n'));
      const extFile = extensions.length === 0 ? '' : `-extfile ${base}.ext`;
      await workshop.sh(
        `openssl req -new -newkey ${newKey} -nodes -subj '${subject}' -keyout ${base}.key -out ${base}.csr`,
      );
      const [from, until] = dates ?? [];
      await workshop.sh(
        dates === undefined
          ? `openssl x509 -req -in ${base}.csr -CA ${issuer}.pem -CAkey ${issuer}.key -CAcreateserial ${x509Args} ${extFile} -out ${base}.pem`
          : `openssl ca -config ca.cnf -batch -notext -in ${base}.csr -cert ${issuer}.pem -keyfile ${issuer}.key -startdate ${from} -enddate ${until} ${extFile} -out ${base}.pem`,
      );
    },
    async credential(keyBase, ...certs) {
      const texts = await Promise.all(certs.map((cert) => readFile(folder.file(`${cert}.pem`), 'utf8')));
      const key = await readFile(folder.file(`${keyBase}.key`), 'utf8');
      return createCredential({ cert: texts.join(''), key });
    },
  };
  await writeFile(folder.file('ca.cnf'), CA_CONFIG);
  await writeFile(folder.file('index.txt'), '');
  await workshop.sh(
    `openssl req -x509 -newkey ${P256} -nodes -subj '/CN=Workshop Root' -days 3650 -keyout root.key -out root.pem`,
  );
  const subject = '/CN=Workshop Intermediate';
  await workshop.issue('intermediate', { subject, extensions: AUTHORITY, issuer: 'root' });
  return workshop;
}

/** The extensions of a leaf with some replaced (`keyUsage=…`) or left out (`keyUsage`). */
export function extensions(...changes: readonly string[]): string[] {
  const nameOf = (line: string): string => line.split('=')[0] ?? '';
  const changed = new Set(changes.map(nameOf));
  return [
    ...GOOD_EXTENSIONS.filter((line) => !changed.has(nameOf(line))),
    ...changes.filter((line) => line.includes('=')),
  ];
}
