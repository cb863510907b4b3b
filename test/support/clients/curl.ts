// curl (OpenSSL): what most people check a server with.
import { run } from './child-process.js';
import { type Target, withTarget } from './target.js';

/** What curl is asked to do. */
export interface CurlRequest extends Target {
  /** HTTP/2 by ALPN; defaults to HTTP/1.1. */
  readonly http2?: boolean;
  /** Defaults to `https`. */
  readonly scheme?: 'https' | 'http';
  readonly extraArgs?: readonly string[];
}

/** What curl got. */
export interface CurlAnswer {
  /** 0, or curl's error number: 60 for a certificate that does not verify, 35 for a failed handshake. */
  readonly exitCode: number | null;
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** `1.1` or `2`. */
  readonly httpVersion: string;
  readonly stderr: string;
}

const MARK = '\n--curl-says--';

/** Requests a page; redirects are not followed. */
export function curl(request: CurlRequest): Promise<CurlAnswer> {
  return withTarget(request, async ({ port, host, path, caFile, limit }) => {
    const { exitCode, stdout, stderr } = await run({
      program: 'curl',
      args: [
        ...['--disable', '--silent', '--show-error', '--noproxy', '*', '--include'],
        ...['--resolve', `${host}:${port}:127.0.0.1`, request.http2 === true ? '--http2' : '--http1.1'],
        ...['--capath', '/nonexistent', ...(caFile === undefined ? [] : ['--cacert', caFile])],
        ...['--write-out', `${MARK}%{http_version} %{response_code} %{size_header}`],
        ...(request.extraArgs ?? []),
        `${request.scheme ?? 'https'}://${host}:${port}${path}`,
      ],
      ...limit,
    });
    return { exitCode, stderr, ...parse(stdout) };
  });
}

function parse(stdout: string): Pick<CurlAnswer, 'status' | 'headers' | 'body' | 'httpVersion'> {
  const end = stdout.lastIndexOf(MARK);
  const [httpVersion = '', status = '0', headerBytes = '0'] = stdout.slice(end + MARK.length).split(' ');
  const answer = Buffer.from(stdout.slice(0, Math.max(end, 0)));
  const lines = answer.subarray(0, Number(headerBytes)).toString().split('\r\n').slice(1);
  const headers = Object.fromEntries(
    lines
      .filter((line) => line.includes(':'))
      .map((line) => [
        line.slice(0, line.indexOf(':')).toLowerCase(),
        line.slice(line.indexOf(':') + 1).trim(),
      ]),
  );
  return {
    httpVersion,
    status: Number(status),
    headers,
    body: answer.subarray(Number(headerBytes)).toString(),
  };
}
