/** The option `clientAuth`, of the server and of each policy. */
import type {
  CertificateInput,
  ClientAuthOptions,
  ClientAuthSettings,
} from './client-auth/client-auth-options.js';
import { assertKnownOptions } from './known-options.js';
import { invalid, isRecord, isText, oneOf } from './option-values.js';

const KNOWN_OPTIONS: readonly (keyof ClientAuthOptions)[] = [
  'mode',
  'ca',
  'caFile',
  'crl',
  'crlFile',
  'allow',
];

/** In `ca`: what the operating system trusts. */
const SYSTEM = 'system';

/** @throws `TypeError` naming the option that is misused */
export function parseClientAuth(options: ClientAuthOptions, option: string): ClientAuthSettings {
  if (!isRecord(options)) throw invalid(option, 'an object, such as { mode, caFile }');
  assertKnownOptions('createSecureServer', options, { known: KNOWN_OPTIONS, prefix: `${option}.` });
  const { allow } = options;
  if (allow !== undefined && typeof allow !== 'function') throw invalid(`${option}.allow`, 'a function');
  const ca = listOf(options.ca, isInput, `${option}.ca`);
  const settings: ClientAuthSettings = {
    isRequired: parseMode(options.mode, option) === 'require',
    ca: ca.filter((authority) => authority !== SYSTEM),
    trustsSystem: ca.includes(SYSTEM),
    caFiles: listOf(options.caFile, isText, `${option}.caFile`),
    crl: listOf(options.crl, isInput, `${option}.crl`),
    crlFiles: listOf(options.crlFile, isText, `${option}.crlFile`),
    allow,
  };
  assertTrust(settings, option);
  return settings;
}

function parseMode(mode: ClientAuthOptions['mode'], option: string): ClientAuthOptions['mode'] {
  const parsed = oneOf<ClientAuthOptions['mode'] | undefined>(mode, ['request', 'require'], `${option}.mode`);
  if (parsed === undefined) throw invalid(`${option}.mode`, "'request' or 'require'");
  return parsed;
}

/** Half a setting must not look like a whole one. */
function assertTrust(
  { isRequired, ca, trustsSystem, caFiles, crl, crlFiles, allow }: ClientAuthSettings,
  option: string,
): void {
  if (trustsSystem || ca.length + caFiles.length > 0) return;
  if (isRequired)
    throw invalid(`${option}.ca`, "given, or `caFile`, with mode 'require': nobody could come in");
  if (crl.length + crlFiles.length > 0)
    throw invalid(`${option}.crl`, 'left out without `ca` or `caFile`: nothing is verified');
  if (allow !== undefined)
    throw invalid(
      `${option}.allow`,
      'left out without `ca` or `caFile`: only certificates that verify are asked for',
    );
}

function listOf<Value>(
  value: Value | readonly Value[] | undefined,
  isOne: (item: unknown) => boolean,
  option: string,
): readonly Value[] {
  if (value === undefined) return [];
  const list = Array.isArray(value) ? (value as readonly Value[]) : [value as Value];
  if (list.length > 0 && list.every(isOne)) return list;
  throw invalid(
    option,
    option.endsWith('File')
      ? 'the path of a file, or several'
      : `PEM or DER, or several of them${option.endsWith('.ca') ? ", or 'system'" : ''}`,
  );
}

function isInput(value: unknown): value is CertificateInput {
  return isText(value) || (ArrayBuffer.isView(value) && value.byteLength > 0);
}
