/** What a file in a folder of certificates is for, by its name alone, and which server name it is called after. */
import { isIP } from 'node:net';
import { normalizeConfiguredName } from '../../credential/server-name.js';

/** A file with a part in a pair; all others are nobody's business. */
export interface FileRole {
  readonly kind: 'certificate' | 'key' | 'chain' | 'request';
  /** What is left of the name without its ending, such as `example.com+5`. */
  readonly stem: string;
  /** Whether it is called `….pem`, which pairs with `…-key.pem` first. */
  readonly isPem: boolean;
}

// `.pem.key` and `.crt.key` are what haproxy looks for beside a certificate.
const KEY = /^(.+?)(?:(?:\.pem|\.crt|\.cer)?\.key(?:\.pem)?|[-_]key\.pem|(?<=^(?:priv)?key)\.pem)$/i;
const CHAIN = /^(.+?)(?:[.-](?:chain|ca-bundle|intermediates?)\.(?:pem|crt|cer)|\.ca-bundle)$/i;
const REQUEST = /^(.+?)\.csr(?:\.pem)?$/i;
const CERTIFICATE = /^(.+?)(?:[.-](?:cert|fullchain)\.pem|\.(?:crt|cer|cert|pem))$/i;
/** Authorities, parameters and the like, which lie beside pairs and are no server's certificate. */
const NO_SERVER =
  /^(?:root|intermediate|intermediates|chain|issuer|crl|dhparams?|ca|(?:root)?[-_]?ca(?:[-_]?(?:cert|bundle|chain))?|ssl-dhparams?)$/i;

/** The role of a file; undefined for everything that is none of a pair: hidden files, copies of editors, README. */
export function roleOf(fileName: string): FileRole | undefined {
  if (fileName.startsWith('.')) return undefined;
  const isPem = hasPemEnding(fileName);
  for (const [pattern, kind] of PATTERNS) {
    const stem = pattern.exec(fileName)?.[1];
    if (stem !== undefined) return NO_SERVER.test(stem) ? undefined : { kind, stem, isPem };
  }
  return undefined;
}

/** Whether a file is called `….pem`. */
export function hasPemEnding(fileName: string): boolean {
  return /\.pem$/i.test(fileName);
}

const PATTERNS = [
  [KEY, 'key'],
  [CHAIN, 'chain'],
  [REQUEST, 'request'],
  [CERTIFICATE, 'certificate'],
] as const;

/**
 * The server name that a file or folder is called after: mkcert's `+5`, certbot's `-0001` and the kind of key
 * (`.rsa`, `.ecdsa`) are left out, every way to write a wildcard becomes `*.`. Undefined when it is called after none.
 */
export function nameOfStem(stem: string): string | undefined {
  const plain = stem
    .replace(/\.(?:rsa|ecdsa)$/i, '')
    .replace(/\+\d+$/, '')
    .replace(/(\.[^.]+)-\d{4}$/, '$1');
  return normalizeConfiguredName(plain.replace(/^(?:_wildcard|wildcard_|_)\./i, '*.'));
}

/** Whether somebody who calls a file so means a server: a dotted name, an address, `localhost`. */
export function isServerLike(name: string | undefined): boolean {
  return name !== undefined && (name.includes('.') || name === 'localhost' || isIP(name) !== 0);
}
