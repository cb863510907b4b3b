/** The one-line commands that findings end in: the same certificate once more, as it should be. */
import { isIP } from 'node:net';
import type { Inspection } from './inspection.js';

/** A lifetime that every client accepts. */
const DAYS = 365;
const PLACEHOLDER = 'your.name.example';

/**
 * The command that makes a better certificate for the key that is there; a new one beside the old, for nobody should
 * lose a certificate to a line copied from a log. OpenSSL 3.
 */
export function reissueCommand(inspection: Inspection, names = namesFor(inspection)): string {
  const { credential, certFile, keyFile } = inspection;
  const target = quoted(`${certFile ?? 'certificate.pem'}.new`);
  const request = `openssl req -new -key ${quoted(keyFile ?? 'KEY.pem')} ${subjectAndExtensions(inspection, names)}`;
  if (credential.isSelfSigned) return `${request} -x509 -days ${DAYS} -out ${target}`;
  return `${request} | openssl x509 -req -copy_extensions copy -CA CA.pem -CAkey CA-KEY.pem -CAcreateserial -days ${DAYS} -out ${target}`;
}

/** The hint that goes with {@link reissueCommand}. */
export function reissueHint(inspection: Inspection, names = namesFor(inspection)): string {
  const command = reissueCommand(inspection, names);
  const who = inspection.credential.isSelfSigned
    ? 'Make a new one'
    : 'Ask its authority for a new one, or, when the authority is your own, make it';
  return `${who}: \`${command}\``;
}

/** The names that a better certificate should have. */
export function namesFor({ credential, names }: Inspection): readonly string[] {
  const all = [...new Set([...credential.names, ...names])];
  return all.length === 0 ? [PLACEHOLDER] : all;
}

function subjectAndExtensions({ credential }: Inspection, names: readonly string[]): string {
  const alternatives = names.map((name) => (isIP(name) === 0 ? `DNS:${name}` : `IP:${name}`)).join(',');
  const usage = credential.keyType.startsWith('rsa')
    ? 'digitalSignature,keyEncipherment'
    : 'digitalSignature';
  // RFC 5280 §4.1.2.4: an issuer, as which a self-signed certificate counts, has a name.
  return [
    `-subj "/CN=${commonNameFor(names)}"`,
    `-addext "subjectAltName=${alternatives}"`,
    `-addext "keyUsage=critical,${usage}"`,
    '-addext "extendedKeyUsage=serverAuth"',
    '-addext "basicConstraints=critical,CA:FALSE"',
  ].join(' ');
}

/** A common name has room for 64 characters (RFC 5280, ub-common-name). */
function commonNameFor(names: readonly string[]): string {
  return names.find((name) => name.length <= 64 && isIP(name) === 0) ?? 'server';
}

function quoted(path: string): string {
  return /^[\w./:@%+=-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`;
}
