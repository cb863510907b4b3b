/** Where a directory has looked for a name, in words for whoever wonders why it has found nothing. */
import { resolve } from 'node:path';
import { wildcardOf } from '../../credential/server-name.js';

/** Strangers choose the names, and every one stands in several file names. */
const LONGEST_NAME = 64;

/** What the answer depends on. */
export interface SoughtIn {
  readonly path: string;
  readonly defaultName: string;
  readonly lookup: boolean;
}

/**
 * The files that a pair for the name would be expected in. A pair in files of other names is found as well, by what its
 * certificate says.
 */
export function soughtFiles(serverName: string, { path, defaultName, lookup }: SoughtIn): string {
  const folder = resolve(path);
  if (!lookup) return `${folder} was only asked for the pair ${defaultName} (lookup: false)`;
  const wildcard = wildcardOf(serverName);
  const [name, parent] = [shortened(serverName), shortened(wildcard?.slice('*.'.length) ?? '')];
  const files = [
    ...[`${name}.crt`, `${name}.pem`, `${name}/fullchain.pem`],
    ...(wildcard === undefined ? [] : [`_wildcard.${parent}.crt`, `_wildcard.${parent}.pem`]),
  ];
  return `looked in ${folder} for ${files.join(', ')}, and for the name in all other certificates there`;
}

function shortened(name: string): string {
  return name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name;
}
