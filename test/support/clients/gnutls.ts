// gnutls-cli: a second, independent TLS stack.
import { run } from './child-process.js';
import { type Target, withTarget } from './target.js';

/** How gnutls-cli shakes hands. */
export interface GnutlsRequest extends Target {
  /** `false` sends no SNI. */
  readonly sendsServerName?: boolean;
  /** A GnuTLS priority string, such as `NORMAL:-VERS-ALL:+VERS-TLS1.2`. */
  readonly priority?: string;
  readonly extraArgs?: readonly string[];
}

/** What gnutls-cli saw. */
export interface GnutlsAnswer {
  readonly exitCode: number | null;
  /** Whether the handshake was completed and the chain and name verified. */
  readonly isTrusted: boolean;
  /** Such as `The certificate is trusted.` */
  readonly status: string;
  /** Such as `(TLS1.3-X.509)-(ECDHE-SECP256R1)-(ECDSA-SECP256R1-SHA256)-(AES-256-GCM)`. */
  readonly description: string;
  readonly stdout: string;
  readonly stderr: string;
}

/** Shakes hands, and says whether the server is trusted. */
export function gnutlsCli(request: GnutlsRequest): Promise<GnutlsAnswer> {
  return withTarget(request, async ({ port, host, caFile, limit }) => {
    const { exitCode, stdout, stderr } = await run({
      program: 'gnutls-cli',
      args: [
        `--x509cafile=${caFile ?? '/dev/null'}`,
        ...(request.sendsServerName === false ? ['--disable-sni'] : [`--sni-hostname=${host}`]),
        `--verify-hostname=${host}`,
        ...(request.priority === undefined ? [] : [`--priority=${request.priority}`]),
        ...(request.extraArgs ?? []),
        ...['-p', String(port), '127.0.0.1'],
      ],
      ...limit,
    });
    return {
      exitCode,
      isTrusted: exitCode === 0 && stdout.includes('- Status: The certificate is trusted.'),
      status: /^- Status: (.*)$/m.exec(stdout)?.[1] ?? '',
      description: /^- Description: (.*)$/m.exec(stdout)?.[1] ?? '',
      stdout,
      stderr,
    };
  });
}
