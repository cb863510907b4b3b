/** One pair of the folder: where it lies, what its certificate says, and what became of it when it was last read. */
import { join } from 'node:path';
import type { Credential } from '../../credential/credential.js';
import type { TlsmithError } from '../../errors.js';
import type { UnloadedCertificate } from '../certificate-source.js';
import { nameOfStem } from './file-roles.js';
import type { ListedFolder } from './folder-listing.js';
import type { PairNames } from './layouts.js';

/** What the index needs to know of a certificate; the certificate itself is not kept. */
export interface CertificateSummary extends UnloadedCertificate {
  /** Whether its key is an RSA key; what it looks like, for the key itself is not read yet. */
  readonly isRsa: boolean;
}

/** Why the files as they are now cannot be served. */
export interface PairFailure {
  readonly error: TlsmithError;
  /** When it was met first, milliseconds since the epoch; files that change again begin anew. */
  readonly since: number;
}

/** A pair. */
export class PairEntry {
  /** As {@link idOf}. */
  readonly id: string;
  folder: ListedFolder;
  names: PairNames;
  /** The server name it is called after, if it is called after one. */
  readonly calledAfter: string | undefined;
  /** The state of the files that was read last; undefined when they have not been read yet. */
  stamp: string | undefined;
  /** Undefined: not read yet, unreadable, or no server's certificate. */
  summary: CertificateSummary | undefined;
  failure: PairFailure | undefined;
  /** What serves while the files fail; never dropped before a successor is proven. */
  lastGood: Credential | undefined;
  /** Lies among pairs without being one: an authority, a bundle. */
  isIgnored = false;
  /** The key in the certificate's own file. */
  isCombined = false;
  /** When the files were first found missing, and how often since. */
  missing: { readonly since: number; looks: number } | undefined;
  /** No longer among the pairs of the folder. */
  isGone = false;
  /** The number of the listing in which it was there last. */
  seenIn = 0;
  /** The credential whose loading people were told of. */
  toldId: string | undefined;

  constructor(folder: ListedFolder, names: PairNames) {
    this.id = idOf(folder, names);
    this.folder = folder;
    this.names = names;
    this.calledAfter = nameOfStem(names.stem);
  }

  get certFile(): string {
    return join(this.folder.path, this.names.cert);
  }

  /** Where the key is, or is to be. */
  get keyFile(): string {
    if (this.isCombined) return this.certFile;
    return join(this.folder.path, this.names.key ?? `${this.names.stem}.key`);
  }

  get chainFile(): string | undefined {
    return this.names.chain === undefined ? undefined : join(this.folder.path, this.names.chain);
  }

  /** Whether there is anything to serve, or may be. */
  get isUsable(): boolean {
    return !this.isIgnored && (this.failure === undefined || this.lastGood !== undefined);
  }

  /** Listed again. Other files of the pair than before have to be read. */
  listed(folder: ListedFolder, names: PairNames): void {
    const { cert, key, chain, isOptional } = this.names;
    const isSamePair = cert === names.cert && key === names.key;
    const isSame = isSamePair && chain === names.chain && isOptional === names.isOptional;
    this.folder = folder;
    this.names = names;
    this.missing = undefined;
    if (isSame) return;
    this.stamp = undefined;
    this.isIgnored = false;
    this.isCombined = false;
  }
}

/** What tells the pair from all others: the path of its certificate relative to the root, or of its folder. */
export function idOf({ relativePath }: ListedFolder, { id }: PairNames): string {
  // No name of a file has a slash in it, so those of the root need none before them.
  return relativePath === '' ? id : `${relativePath}/${id}`;
}
