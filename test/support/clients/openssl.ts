// openssl s_client: shows the handshake itself, and can be made to resume a session.
import { run } from './child-process.js';
import { type Target, withTarget } from './target.js';

/** How s_client shakes hands. */
export interface SClientRequest extends Target {
  /** `false` sends no SNI; the name is then not verified either. */
  readonly sendsServerName?: boolean;
  readonly protocol?: 'tls1_1' | 'tls1_2' | 'tls1_3';
  /** Offered by ALPN, such as `h2,http/1.1`. */
  readonly alpn?: string;
  /** Key exchange groups, such as `X25519:P-256`. */
  readonly groups?: string;
  /** Where to store the session; a request is then sent, because TLS 1.3 tickets come after the handshake. */
  readonly sessionOut?: string;
  /** The session to resume. */
  readonly sessionIn?: string;
  /** Sent after the handshake; s_client then waits until the server closes. */
  readonly send?: string;
  readonly extraArgs?: readonly string[];
}

/** What s_client saw. */
export interface SClientAnswer {
  readonly exitCode: number | null;
  /** Whether the handshake was completed. */
  readonly isConnected: boolean;
  /** The leaf's subject and issuer, as `CN = a.test`. */
  readonly subject: string;
  readonly issuer: string;
  /** 0 when the chain and the name verify; see `verifyMessage`. */
  readonly verifyCode: number;
  readonly verifyMessage: string;
  /** Such as `TLSv1.3`. */
  readonly protocol: string;
  readonly cipher: string;
  readonly isReused: boolean;
  /** The agreed protocol, or undefined. */
  readonly alpn: string | undefined;
  /** Such as `X25519, 253 bits`. */
  readonly temporaryKey: string | undefined;
  /** The certificates that the server sent, leaf first, as PEM. */
  readonly chain: readonly string[];
  /** The number of the fatal alert received, such as 112 (unrecognized_name). */
  readonly alert: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Shakes hands, and says what came of it. */
export function sClient(request: SClientRequest): Promise<SClientAnswer> {
  return withTarget(request, async ({ port, host, path, caFile, limit }) => {
    const page = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
    const input = request.send ?? (request.sessionOut === undefined ? undefined : page);
    const { exitCode, stdout, stderr } = await run({
      program: 'openssl',
      args: [
        ...['s_client', '-connect', `127.0.0.1:${port}`, '-showcerts', '-no-CApath', '-no-CAstore'],
        ...(caFile === undefined ? ['-no-CAfile'] : ['-CAfile', caFile]),
        ...nameArgs(request, host),
        ...handshakeArgs(request),
        ...(input === undefined ? [] : ['-ign_eof']),
        ...(request.extraArgs ?? []),
      ],
      ...(input === undefined ? {} : { input }),
      ...limit,
    });
    return { exitCode, stdout, stderr, ...parse(stdout, stderr) };
  });
}

function nameArgs({ sendsServerName = true }: SClientRequest, host: string): string[] {
  if (!sendsServerName) return ['-noservername'];
  return /^[0-9.]+$|:/.test(host)
    ? ['-noservername', '-verify_ip', host]
    : ['-servername', host, '-verify_hostname', host];
}

function handshakeArgs(request: SClientRequest): string[] {
  return [
    ...(request.protocol === undefined ? [] : [`-${request.protocol}`]),
    ...(request.alpn === undefined ? [] : ['-alpn', request.alpn]),
    ...(request.groups === undefined ? [] : ['-groups', request.groups]),
    ...(request.sessionOut === undefined ? [] : ['-sess_out', request.sessionOut]),
    ...(request.sessionIn === undefined ? [] : ['-sess_in', request.sessionIn]),
  ];
}

function parse(stdout: string, stderr: string): Omit<SClientAnswer, 'exitCode' | 'stdout' | 'stderr'> {
  const agreed = /^(New|Reused), (\S+), Cipher is (\S+)/m.exec(stdout);
  const verified = /^\s*Verif(?:y return code|ication): (?:(\d+) \((.*)\)|(OK))/m.exec(
    stdout.slice(stdout.indexOf('\nVerify return code') + 1),
  );
  const alert = /SSL alert number (\d+)/.exec(stderr)?.[1];
  return {
    isConnected: agreed !== null && agreed[3] !== '(NONE)',
    subject: /^subject=(.*)$/m.exec(stdout)?.[1] ?? '',
    issuer: /^issuer=(.*)$/m.exec(stdout)?.[1] ?? '',
    verifyCode: Number(verified?.[1] ?? 0),
    verifyMessage: verified?.[2] ?? '',
    protocol: /^\s*Protocol\s*: (\S+)/m.exec(stdout)?.[1] ?? agreed?.[2] ?? '',
    cipher: agreed?.[3] ?? '',
    isReused: agreed?.[1] === 'Reused',
    alpn: /^ALPN protocol: (\S+)/m.exec(stdout)?.[1],
    temporaryKey: /^Server Temp Key: (.*)$/m.exec(stdout)?.[1],
    chain: stdout.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----\n/g) ?? [],
    alert: alert === undefined ? undefined : Number(alert),
  };
}
