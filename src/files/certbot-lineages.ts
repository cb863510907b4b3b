/** The certificates that certbot keeps on this machine, by what they say: a lineage is called whatever somebody liked. */
import { X509Certificate } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { namesOf, validityOf } from '../credential/certificate-facts.js';

/** More than one certbot is asked to keep; what comes after these in the order of names is passed over. */
const MOST_LINEAGES = 1_000;
/** What was read is good for so long, because the pairs of a folder are looked at one after the other. */
const KEPT_MS = 5_000;

/** What is served now of one certificate of certbot's. */
export interface Lineage {
  /** Its folder, such as `/etc/letsencrypt/live/example.com-0001`. */
  readonly folder: string;
  readonly names: readonly string[];
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** All lineages in a `live` folder. */
export class CertbotLineages {
  /** Where certbot keeps a folder for each lineage. */
  readonly live: string;
  #read: { readonly at: number; readonly lineages: Promise<readonly Lineage[]> } | undefined;

  constructor(live: string) {
    this.live = live;
  }

  /** The lineages that this user may read, as they were at most five seconds ago; never rejects. */
  all(): Promise<readonly Lineage[]> {
    const now = performance.now();
    if (this.#read === undefined || now - this.#read.at > KEPT_MS)
      this.#read = { at: now, lineages: lineagesIn(this.live) };
    return this.#read.lineages;
  }
}

async function lineagesIn(live: string): Promise<readonly Lineage[]> {
  const entries = await readdir(live, { withFileTypes: true }).catch(() => []);
  const folders = entries.filter((entry) => !entry.isFile()).map(({ name }) => join(live, name));
  const lineages: Lineage[] = [];
  // One after the other: nobody waits for it.
  for (const folder of folders.sort().slice(0, MOST_LINEAGES)) {
    const lineage = await lineageIn(folder);
    if (lineage !== undefined) lineages.push(lineage);
  }
  return lineages;
}

/** Undefined when there is none, or none that this user may read. */
async function lineageIn(folder: string): Promise<Lineage | undefined> {
  const path = join(folder, 'fullchain.pem');
  try {
    const certificate = new X509Certificate(await readFile(path));
    return { folder, names: namesOf(certificate), ...validityOf(certificate, path) };
  } catch {
    return undefined;
  }
}
