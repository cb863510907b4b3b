/** A managed source with a scripted issuer on a manual clock: `const { source, issuer, clock, host } = await fixture()`. */
import { afterAll, afterEach, beforeAll, expect } from '@jest/globals';
import { type Credential, isCredential } from '../../../src/credential/credential.js';
import { type ManagedSource, managedSource } from '../../../src/issuance/managed-source.js';
import type { ManagedSourceOptions } from '../../../src/issuance/managed-options.js';
import type { Found, ManagedCertificate, SourceEvent } from '../../../src/sources/certificate-source.js';
import { memoryStorage } from '../../../src/storage/memory-storage.js';
import type { Storage } from '../../../src/storage/storage.js';
import type { CryptoProvider } from '../../../src/x509/crypto-provider.js';
import { type ManualClock, manualClock, settled } from '../../support/manual-clock.js';
import { until } from '../../support/until.js';
import {
  type ScriptedIssuer,
  scriptedIssuer,
  type ScriptedIssuerOptions,
  type Step,
} from './scripted-issuer.js';
import { type RecordingHost, recordingHost } from './source-host.js';

export interface FixtureOptions extends Partial<Omit<ScriptedIssuerOptions, 'clock'>> {
  readonly clock?: ManualClock;
  readonly crypto?: CryptoProvider | undefined;
  readonly storage?: Storage;
  readonly strict?: boolean;
  readonly script?: readonly Step[];
  readonly names?: ManagedSourceOptions['names'];
  readonly managed?: Pick<ManagedSourceOptions, 'renewal' | 'waitMs'>;
}

export interface Fixture {
  readonly source: ManagedSource;
  readonly issuer: ScriptedIssuer;
  readonly clock: ManualClock;
  readonly host: RecordingHost;
  readonly storage: Storage;
}

const open: ManagedSource[] = [];

const unhandled: unknown[] = [];
const onUnhandled = (reason: unknown): void => {
  unhandled.push(reason);
};

beforeAll(() => {
  process.on('unhandledRejection', onUnhandled);
});

afterAll(() => {
  process.off('unhandledRejection', onUnhandled);
});

afterEach(async () => {
  for (const source of open.splice(0)) await source.close?.();
  await settled();
  expect(unhandled.splice(0)).toEqual([]);
});

/** Made, but not started. */
export function unstarted(options: FixtureOptions = {}): Fixture {
  const clock = options.clock ?? manualClock();
  const storage = options.storage ?? memoryStorage();
  const issuer = scriptedIssuer({ ...options, clock });
  issuer.script.push(...(options.script ?? []));
  const host = recordingHost({ clock, storage, strict: options.strict ?? false });
  const names = options.names ?? [['a.test']];
  const source = managedSource({ name: 'managed', issuer, names, ...options.managed });
  open.push(source);
  return { source, issuer, clock, host, storage };
}

/** Started. */
export async function started(options: FixtureOptions = {}): Promise<Fixture> {
  const fixture = unstarted(options);
  await fixture.source.start?.(fixture.host);
  return fixture;
}

const never = new AbortController().signal;

/** What the source answers for `serverName`. */
export function find({ source }: Fixture, serverName = 'a.test'): Found | undefined {
  return source.find({ serverName, signal: never });
}

/** The credential that a handshake gets, waiting for it where it is pending. */
export async function served(fixture: Fixture, serverName = 'a.test'): Promise<Credential> {
  const found = find(fixture, serverName);
  const credential = found !== undefined && 'pending' in found ? await found.pending : found;
  if (isCredential(credential)) return credential;
  throw new Error(`nothing is served for ${serverName}`);
}

/** Waits for the `count`-th event of a kind. */
export async function event(host: RecordingHost, kind: string, count = 1): Promise<SourceEvent> {
  const ofKind = (): SourceEvent[] => host.events.filter((each) => kindOf(each) === kind);
  await until(() => ofKind().length >= count, `event ${kind}`);
  return ofKind()[count - 1]!;
}

export function kindOf(each: SourceEvent): string {
  return each.type === 'certificate' ? each.action : each.type;
}

/** The state of the first certificate. */
export function state({ source }: Fixture): ManagedCertificate {
  return [...(source.managed?.() ?? [])][0]!;
}

/** Renews with no time limit. */
export function renew({ source }: Fixture, name = 'a.test'): Promise<void> {
  return source.renew?.(name, { signal: never }) ?? Promise.reject(new Error('not managed'));
}

export function ready({ source }: Fixture, signal: AbortSignal = never): Promise<void> {
  return source.ready?.({ signal }) ?? Promise.resolve();
}

/** Lets time pass until the next attempt, or renewal, is due, and not a millisecond more: issuing takes real time. */
export async function advanceToNextAttempt(fixture: Fixture): Promise<void> {
  const { nextAttempt, nextRenewal } = state(fixture);
  await fixture.clock.advance((nextAttempt ?? nextRenewal?.at ?? 0) - fixture.clock.now());
}
