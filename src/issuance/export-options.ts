/** `exportTo` of `acme()`: files that other programs read. Misuse is a TypeError that names the option. */
import { isAbsolute, resolve } from 'node:path';
import { assertKnownOptions } from '../known-options.js';

const PLACEHOLDER = '{name}';
const PRIVATE = 0o600;
const PATHS = ['certFile', 'keyFile', 'chainFile', 'bundleFile'] as const;
const OPTIONS = [...PATHS, 'mode', 'hook'] as const;

/** A certificate that was written to files. */
export interface ExportedCertificate {
  /** The names it was issued for. */
  readonly names: readonly string[];
  /** Upper-case hexadecimal. */
  readonly serialNumber: string;
  /** Of the leaf, as `AB:CD:…`. */
  readonly fingerprint256: string;
  /** End of validity. */
  readonly notAfter: Date;
  /** The files, as far as they are wanted, without placeholders. */
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly chainFile?: string;
  readonly bundleFile?: string;
  /** Aborted after a minute, and when the source closes. */
  readonly signal: AbortSignal;
}

/**
 * Files for other programs (a mail server, a proxy), written whenever a certificate changes. `{name}` in a path stands for
 * the first name of the certificate, `_wildcard.` in place of `*.`; several certificates take it. Missing folders are made.
 */
export interface ExportOptions {
  /** The certificate with its chain: certbot's `fullchain.pem`. Mode 0644. */
  readonly certFile?: string;
  /** The private key: certbot's `privkey.pem`. */
  readonly keyFile?: string;
  /** The chain alone, without the certificate: certbot's `chain.pem`. Mode 0644. */
  readonly chainFile?: string;
  /** Key, certificate and chain in one file, as haproxy wants them: the one form in which all of it changes in one step. */
  readonly bundleFile?: string;
  /**
   * The mode of files that hold the key. Nobody but owner and group can be given it.
   * @defaultValue `0o600`
   */
  readonly mode?: number;
  /**
   * Called once all files of a certificate have changed, such as to have a program reload them; in one process, where
   * several share the storage. When it rejects, or takes longer than a minute, there is a finding, and it is called again later.
   */
  readonly hook?: (exported: ExportedCertificate) => void | Promise<void>;
}

/** The same, complete; paths are absolute, and may hold `{name}`. */
export interface ParsedExport {
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  readonly chainFile: string | undefined;
  readonly bundleFile: string | undefined;
  readonly mode: number;
  readonly hook: ExportOptions['hook'];
}

/**
 * @param mayBeMany - whether there may be more than one certificate
 * @throws TypeError that names the option
 */
export function parseExport(
  options: ExportOptions | undefined,
  { mayBeMany }: { readonly mayBeMany: boolean },
): ParsedExport | undefined {
  if (options === undefined) return undefined;
  if (typeof options !== 'object' || (options as unknown) === null) throw invalid('exportTo', 'an object');
  assertKnownOptions('acme', options, { known: OPTIONS, prefix: 'exportTo.' });
  const [certFile, keyFile, chainFile, bundleFile] = PATHS.map((option) =>
    parsePath(options[option], option, mayBeMany),
  );
  const paths = [certFile, keyFile, chainFile, bundleFile].filter((path) => path !== undefined);
  if (paths.length === 0) throw invalid('exportTo', `an object with ${PATHS.join(', ')}, or some of these`);
  if (new Set(paths).size < paths.length) throw invalid('exportTo', 'with another path for each file');
  const { mode = PRIVATE, hook } = options;
  if (!Number.isInteger(mode) || mode < 0o400 || mode > 0o770 || (mode & 0o007) !== 0)
    throw invalid(
      'exportTo.mode',
      'a mode such as 0o600 or 0o640: nobody but owner and group may have the key',
    );
  if (hook !== undefined && typeof hook !== 'function') throw invalid('exportTo.hook', 'a function');
  return { certFile, keyFile, chainFile, bundleFile, mode, hook };
}

/** The path for a certificate. Names come as parsed by the grammar of names, so that they hold no separator. */
export function pathFor(path: string, names: readonly string[]): string {
  const [first = ''] = names;
  // No colons, which Windows does not have in names.
  const name = first.replace(/^\*\./, '_wildcard.').replaceAll(':', '-');
  return path.replaceAll(PLACEHOLDER, name);
}

function parsePath(path: unknown, option: string, mayBeMany: boolean): string | undefined {
  if (path === undefined) return undefined;
  if (typeof path !== 'string' || path === '' || path.includes('\0'))
    throw invalid(`exportTo.${option}`, 'the path of a file');
  if (mayBeMany && !path.includes(PLACEHOLDER))
    throw invalid(
      `exportTo.${option}`,
      `a path with ${PLACEHOLDER} in it, because there are several certificates`,
    );
  return isAbsolute(path) ? path : resolve(path);
}

function invalid(option: string, expected: string): TypeError {
  return new TypeError(`acme: \`${option}\` must be ${expected}.`);
}
