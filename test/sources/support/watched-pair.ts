// A file pair that runs with the system's clock or another, and what it tells its host.
import { type Clock, systemClock } from '../../../src/clock.js';
import { isTlsmithError, type TlsmithError } from '../../../src/errors.js';
import { filePair, type FilePairOptions } from '../../../src/sources/file-pair.js';
import type { CertificateSource } from '../../../src/sources/certificate-source.js';
import { recordingHost, type RecordingHost } from '../../issuance/support/source-host.js';

export interface WatchedPair {
  readonly source: CertificateSource;
  readonly host: RecordingHost;
  /** The serial number of the certificate that serves. */
  readonly serial: () => string | undefined;
}

/** Runs `use` with a started file pair, and closes it. */
export async function withWatchedPair(
  options: FilePairOptions,
  use: (pair: WatchedPair) => Promise<void>,
  { strict = false, clock = systemClock }: { strict?: boolean; clock?: Clock } = {},
): Promise<void> {
  const source = filePair(options);
  const host = recordingHost({ clock, strict });
  try {
    await source.start?.(host);
    const serial = (): string | undefined => [...(source.list?.() ?? [])][0]?.serialNumber;
    await use({ source, host, serial });
  } finally {
    await source.close?.();
  }
}

/** The coded error that the start ends with. */
export async function failureOf(options: FilePairOptions): Promise<TlsmithError> {
  try {
    await withWatchedPair(options, () => Promise.resolve());
  } catch (error) {
    if (isTlsmithError(error)) return error;
    throw error;
  }
  throw new Error('the pair was accepted');
}
