/**
 * Keeps the files of `exportTo` as the certificates are that serve, and calls the hook. Nothing waits for it: what
 * fails is a finding, and tried again. Processes on one storage take turns, so that the hook is called once for a change.
 */
import { setMaxListeners } from 'node:events';
import { type Clock, delay } from '../clock.js';
import type { Credential } from '../credential/credential.js';
import { messageOf, TlsmithError } from '../errors.js';
import type { SourceHost } from '../sources/certificate-source.js';
import type { Lease, Storage } from '../storage/storage.js';
import { settledOrAborted } from './abortable.js';
import { certificateSegment, issuerPrefix } from './certificate-store.js';
import type { Companion } from './companion.js';
import type { ParsedExport } from './export-options.js';
import { areWritten, type ExportedFile, exportedFiles, writeFiles } from './exported-files.js';
import { createSlots } from './slots.js';

/** How long a hook may take. */
const LONGEST_HOOK_MS = 60_000;
/** How long another process is waited for: its hook, and what it does besides. */
const LONGEST_TURN_MS = 90_000;
/** After a failure; doubled each time. */
const FIRST_RETRY_MS = 60_000;
const LONGEST_RETRY_MS = 3_600_000;
/** How many certificates are written at the same time. */
const EXPORTING_SLOTS = 10;

/** What exports are made with. */
export interface ExportTools {
  readonly options: ParsedExport;
  readonly host: SourceHost;
  readonly storage: Storage;
  /** Under whose name certificates are stored. */
  readonly issuerId: string;
  /** The name of the source, for findings. */
  readonly sourceName: string;
}

interface Job {
  readonly names: readonly string[];
  /** What is to be written; undefined when all is done. */
  next: Credential | undefined;
  /** The certificate that the hook was called for last. */
  told: string | undefined;
  failures: number;
  readonly ended: AbortController;
  /** Ends the wait for the next try: there is something new. */
  rest: AbortController;
  isRunning: boolean;
}

/** The exports of one source. */
export class CertificateExports implements Companion {
  readonly #tools: ExportTools;
  readonly #clock: Clock;
  readonly #jobs = new Map<string, Job>();
  /** Also of certificates that are no longer managed, until they have come to rest. */
  readonly #running = new Set<Promise<void>>();
  /** By path: the certificate that is written there. */
  readonly #owners = new Map<string, string>();
  #isClosed = false;
  readonly #slots = createSlots(EXPORTING_SLOTS);

  constructor(tools: ExportTools) {
    this.#tools = tools;
    this.#clock = tools.host.clock;
  }

  served(names: readonly string[], credential: Credential): void {
    // What was being loaded when the source closed may come after it.
    if (this.#isClosed) return;
    const segment = certificateSegment(names);
    const job = this.#jobs.get(segment) ?? this.#begin(segment, names);
    job.next = credential;
    job.rest.abort();
    if (!job.isRunning) this.#start(segment, job);
  }

  /** The files stay: other programs use them. */
  unmanaged(names: readonly string[]): void {
    const segment = certificateSegment(names);
    this.#jobs.get(segment)?.ended.abort(new Error('The certificate is no longer managed.'));
    this.#jobs.delete(segment);
    for (const [path, owner] of this.#owners) if (owner === segment) this.#owners.delete(path);
    // Another one may have waited for the paths.
    for (const { rest } of this.#jobs.values()) rest.abort();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const { ended } of this.#jobs.values()) ended.abort(new Error('The source was closed.'));
    await Promise.all(this.#running);
  }

  #begin(segment: string, names: readonly string[]): Job {
    const job = newJob(names);
    this.#jobs.set(segment, job);
    return job;
  }

  #start(segment: string, job: Job): void {
    job.isRunning = true;
    const running = this.#run(segment, job).finally(() => {
      job.isRunning = false;
      this.#running.delete(running);
    });
    this.#running.add(running);
  }

  async #run(segment: string, job: Job): Promise<void> {
    const { host } = this.#tools;
    const { signal } = job.ended;
    while (job.next !== undefined && !signal.aborted) {
      const credential = job.next;
      job.next = undefined;
      try {
        await this.#slots.run(signal, () => this.#export(segment, job, credential));
        job.failures = 0;
        for (const code of ['EXPORT_FAILED', 'EXPORT_HOOK_FAILED']) host.resolved(code, job.names);
      } catch (error) {
        if (isAborted(signal)) return;
        this.#tell(job, error);
        await this.#pause(job);
        job.next ??= credential;
      }
    }
  }

  async #pause(job: Job): Promise<void> {
    const waitMs = Math.min(FIRST_RETRY_MS * 2 ** job.failures, LONGEST_RETRY_MS);
    job.failures = Math.min(job.failures + 1, 10);
    job.rest = new AbortController();
    const signal = AbortSignal.any([job.ended.signal, job.rest.signal]);
    await delay(this.#clock, waitMs, signal).catch(() => undefined);
  }

  async #export(segment: string, job: Job, credential: Credential): Promise<void> {
    const files = exportedFiles(this.#tools.options, job.names, credential);
    this.#claim(segment, files);
    // Nearly always so after a restart: then nobody has to wait for his turn.
    if (await this.#isDone(segment, job, { files, credential })) return;
    const lease = await this.#turn(segment, job.ended.signal);
    try {
      if (await this.#isDone(segment, job, { files, credential })) return;
      if (!(await areWritten(files).catch(unwritten(files)))) await writeFiles(files).catch(unwritten(files));
      await this.#call(job, { files, credential });
      job.told = credential.fingerprint256;
      const bytes = new TextEncoder().encode(job.told);
      // Where it cannot be stored, another call after a restart is the worst of it.
      await this.#tools.storage.put(this.#recordKey(segment), bytes).catch(() => undefined);
    } finally {
      await lease?.release().catch(() => undefined);
    }
  }

  /** Whether the files are there, and the hook was called for them, by whichever process. */
  async #isDone(segment: string, job: Job, { files, credential }: Written): Promise<boolean> {
    if (!(await areWritten(files).catch(() => false))) return false;
    if (this.#tools.options.hook === undefined || job.told === credential.fingerprint256) return true;
    const record = await this.#tools.storage.get(this.#recordKey(segment)).catch(() => undefined);
    return record !== undefined && new TextDecoder().decode(record.bytes) === credential.fingerprint256;
  }

  async #call(job: Job, { files, credential }: Written): Promise<void> {
    const { hook } = this.#tools.options;
    if (hook === undefined) return;
    const { serialNumber, fingerprint256, notAfter } = credential;
    const paths = Object.fromEntries(files.map(({ option, path }) => [option, path]));
    const limit = new AbortController();
    const timer = this.#clock.setTimeout(() => {
      limit.abort(new Error(`it took longer than ${LONGEST_HOOK_MS / 1_000} seconds`));
    }, LONGEST_HOOK_MS);
    const signal = AbortSignal.any([job.ended.signal, limit.signal]);
    setMaxListeners(0, signal);
    const facts = { names: job.names, serialNumber, fingerprint256, notAfter: new Date(notAfter), ...paths };
    try {
      const call = (async () => hook({ ...facts, signal }))();
      await settledOrAborted(call, signal, { clock: this.#clock, graceMs: 0 });
    } catch (error) {
      throw hookFailed(job.names, error);
    } finally {
      this.#clock.clearTimeout(timer);
    }
  }

  /** Undefined where there are no turns to be had: then it is done all the same. */
  async #turn(segment: string, ended: AbortSignal): Promise<Lease | undefined> {
    const patience = new AbortController();
    const timer = this.#clock.setTimeout(() => {
      patience.abort();
    }, LONGEST_TURN_MS);
    try {
      const signal = AbortSignal.any([ended, patience.signal]);
      return await this.#tools.storage.lock(`${this.#folder(segment)}export-lock`, { signal });
    } catch (error) {
      if (ended.aborted) throw error;
      return undefined;
    } finally {
      this.#clock.clearTimeout(timer);
    }
  }

  /** Two certificates with the same first name would write over each other for ever: the one that came first has them. */
  #claim(segment: string, files: readonly ExportedFile[]): void {
    const taken = files.find(({ path }) => (this.#owners.get(path) ?? segment) !== segment);
    if (taken === undefined) {
      for (const { path } of files) this.#owners.set(path, segment);
      return;
    }
    throw new TlsmithError(
      'EXPORT_FAILED',
      `Another certificate is written to ${taken.path} already: two of them begin with the same name.`,
    );
  }

  #tell({ names }: Job, error: unknown): void {
    const { host, sourceName } = this.#tools;
    const code = error instanceof TlsmithError ? error.code : 'EXPORT_FAILED';
    host.report({
      ...{ code, severity: 'warning', message: messageOf(error), source: sourceName, names },
      hint:
        code === 'EXPORT_HOOK_FAILED'
          ? 'The files are written. The hook is called again by itself, first after a minute.'
          : 'It is tried again by itself, first after a minute. What is served is not affected.',
    });
  }

  #folder(segment: string): string {
    return `${issuerPrefix(this.#tools.issuerId)}${segment}/`;
  }

  #recordKey(segment: string): string {
    return `${this.#folder(segment)}exported`;
  }
}

interface Written {
  readonly files: readonly ExportedFile[];
  readonly credential: Credential;
}

function newJob(names: readonly string[]): Job {
  const ended = new AbortController();
  setMaxListeners(0, ended.signal);
  const rest = new AbortController();
  return { names, next: undefined, told: undefined, failures: 0, ended, rest, isRunning: false };
}

/** Read anew: the compiler takes it for what it was before the wait. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

function unwritten(files: readonly ExportedFile[]): (error: unknown) => never {
  return (error) => {
    const paths = files.map(({ path }) => path).join(', ');
    throw new TlsmithError(
      'EXPORT_FAILED',
      `A certificate could not be written to ${paths}: ${messageOf(error)}`,
      {
        cause: error,
      },
    );
  };
}

function hookFailed(names: readonly string[], cause: unknown): TlsmithError {
  return new TlsmithError(
    'EXPORT_HOOK_FAILED',
    `The files of the certificate for ${names.join(', ')} are written, but \`exportTo.hook\` failed: ${messageOf(cause)}`,
    { cause, names },
  );
}
