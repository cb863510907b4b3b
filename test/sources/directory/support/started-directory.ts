/** A directory source that runs outside a server, and what it answers. */
import { afterEach } from '@jest/globals';
import { systemClock } from '../../../../src/clock.js';
import type { Credential } from '../../../../src/credential/credential.js';
import { isCredential } from '../../../../src/credential/credential.js';
import type { CertificateSource, Found } from '../../../../src/sources/certificate-source.js';
import { directory, type DirectoryOptions } from '../../../../src/sources/directory.js';
import {
  recordingHost,
  type RecordingHost,
  type RecordingHostOptions,
} from '../../../issuance/support/source-host.js';

/** It, its host, and shorthands. */
export interface StartedDirectory {
  readonly source: CertificateSource;
  readonly host: RecordingHost;
  /** The credential for a name, waited for; undefined when there is none. */
  readonly served: (serverName: string) => Promise<Credential | undefined>;
  /** The serial number of what is served for a name. */
  readonly serial: (serverName: string) => Promise<string | undefined>;
  readonly default: () => Promise<Credential | undefined>;
  readonly reload: () => Promise<void>;
}

const { signal } = new AbortController();

/** Called once at the top of a test file; what it starts is closed after each test. */
export function directories(): (
  options: DirectoryOptions | string,
  host?: Partial<RecordingHostOptions>,
) => Promise<StartedDirectory> {
  const open: CertificateSource[] = [];
  afterEach(async () => {
    for (const source of open.splice(0)) await source.close?.();
  });
  return async (options, hostOptions) => {
    const source = directory(options);
    open.push(source);
    const host = recordingHost({ clock: systemClock, ...hostOptions });
    await source.start?.(host);
    const served = (serverName: string): Promise<Credential | undefined> =>
      credentialIn(source.find({ serverName, signal }));
    return {
      source,
      host,
      served,
      serial: async (serverName) => (await served(serverName))?.serialNumber,
      default: () => credentialIn(source.default?.()),
      reload: async () => source.reload?.({ signal }),
    };
  };
}

async function credentialIn(
  answer: Found | undefined | Promise<Found | undefined>,
): Promise<Credential | undefined> {
  const found = await answer;
  const credential = found !== undefined && 'pending' in found ? await found.pending : found;
  return isCredential(credential) ? credential : undefined;
}
