/** Copies of what certbot has obtained: nobody renews them, and soon the lineage is ahead of them. */
import { dirname, sep } from 'node:path';
import type { Credential } from '../credential/credential.js';
import type { Finding } from '../credential/findings.js';
import { CertbotLineages, type Lineage } from './certbot-lineages.js';
import type { PairMaterial } from './pair-material.js';

const ownLineages = new CertbotLineages('/etc/letsencrypt/live');

/** The finding about a certificate of which certbot has a newer one on this machine; never rejects. */
export async function staleCopy(
  { names, notBefore }: Pick<Credential, 'names' | 'notBefore'>,
  { certFile }: Pick<PairMaterial, 'certFile'>,
  lineages = ownLineages,
): Promise<Finding | undefined> {
  const { live } = lineages;
  const own = dirname(live) + sep;
  if (names.length === 0 || certFile.path.startsWith(own) || certFile.location.startsWith(own))
    return undefined;
  const newest = newestOf((await lineages.all()).filter((lineage) => isAbout(lineage, names)));
  if (newest === undefined || newest.notBefore <= notBefore) return undefined;
  return {
    code: 'TLS_CERT_STALE_COPY',
    severity: 'warning',
    names,
    message: `Certificate file ${certFile.path} is a copy of what certbot had before: ${newest.folder} holds a newer certificate for the same names, valid until ${new Date(newest.notAfter).toISOString()}.`,
    hint: `Serve the files of certbot themselves (directory('${live}')), or have each renewal copied: certbot renew --deploy-hook.`,
  };
}

function isAbout({ names: its }: Lineage, names: readonly string[]): boolean {
  return names.every((name) => its.includes(name));
}

function newestOf(lineages: readonly Lineage[]): Lineage | undefined {
  return lineages.reduce<Lineage | undefined>(
    (best, lineage) => (best === undefined || lineage.notBefore > best.notBefore ? lineage : best),
    undefined,
  );
}
