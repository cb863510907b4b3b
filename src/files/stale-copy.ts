/** Copies of what certbot has obtained: nobody renews them, and soon the lineage is ahead of them. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { namesOf } from '../credential/certificate-facts.js';
import type { Credential } from '../credential/credential.js';
import type { Finding } from '../credential/findings.js';
import type { PairMaterial } from './pair-material.js';

const CERTBOT_LIVE = '/etc/letsencrypt/live';
/** A lineage is called after one of its names, mostly the first. */
const NAMES_TRIED = 3;

/** The finding about a certificate of which certbot has a newer one on this machine; never rejects. */
export async function staleCopy(
  { names, notBefore }: Pick<Credential, 'names' | 'notBefore'>,
  { certFile }: Pick<PairMaterial, 'certFile'>,
  live = CERTBOT_LIVE,
): Promise<Finding | undefined> {
  const own = dirname(live) + sep;
  if (certFile.path.startsWith(own) || certFile.location.startsWith(own)) return undefined;
  for (const name of names.slice(0, NAMES_TRIED)) {
    const lineage = join(live, name.replace(/^\*\./, ''));
    const newest = await certificateIn(join(lineage, 'fullchain.pem'));
    if (newest === undefined || Date.parse(newest.validFrom) <= notBefore) continue;
    if (!isAbout(newest, names)) continue;
    return {
      code: 'TLS_CERT_STALE_COPY',
      severity: 'warning',
      names,
      message: `Certificate file ${certFile.path} is a copy of what certbot had before: ${lineage} holds a newer certificate for the same names, valid until ${new Date(newest.validTo).toISOString()}.`,
      hint: `Serve the files of certbot themselves (directory('${live}')), or have each renewal copied: certbot renew --deploy-hook.`,
    };
  }
  return undefined;
}

/** Undefined when there is none, or none that this user may read. */
async function certificateIn(path: string): Promise<X509Certificate | undefined> {
  try {
    return new X509Certificate(await readFile(path));
  } catch {
    return undefined;
  }
}

function isAbout(certificate: X509Certificate, names: readonly string[]): boolean {
  const its = namesOf(certificate);
  return names.every((name) => its.includes(name));
}
