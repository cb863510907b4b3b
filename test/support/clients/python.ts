// Python's ssl module with its default context: the strictest of the scripting languages about names.
import { run } from './child-process.js';
import { type Target, withTarget } from './target.js';

/** How Python connects. */
export interface PythonRequest extends Target {
  readonly alpn?: readonly string[];
}

/** What Python saw; `error` is set when the handshake or its verification failed. */
export interface PythonAnswer {
  readonly error?: string;
  /** Such as `TLSv1.3`. */
  readonly version?: string;
  readonly alpn?: string | null;
  /** The subjectAltName, as `['DNS', 'a.test']`. */
  readonly names?: readonly (readonly [string, string])[];
  readonly status?: number;
  readonly body?: string;
}

const SCRIPT = `
import http.client, json, socket, ssl, sys
ask = json.load(sys.stdin)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
if ask['caFile']: context.load_verify_locations(cafile=ask['caFile'])
if ask['alpn']: context.set_alpn_protocols(ask['alpn'])
try:
    raw = socket.create_connection(('127.0.0.1', ask['port']), timeout=15)
    with context.wrap_socket(raw, server_hostname=ask['host']) as secure:
        answer = {'version': secure.version(), 'alpn': secure.selected_alpn_protocol(),
                  'names': secure.getpeercert().get('subjectAltName', [])}
        if answer['alpn'] != 'h2':
            connection = http.client.HTTPConnection(ask['host'], ask['port'])
            connection.sock = secure
            connection.request('GET', ask['path'], headers={'Connection': 'close'})
            response = connection.getresponse()
            answer.update(status=response.status, body=response.read().decode())
except OSError as error:
    answer = {'error': str(error)}
json.dump(answer, sys.stdout)
`;

/** Connects with verification and requests a page (unless `h2` was agreed). */
export function pythonSsl(request: PythonRequest): Promise<PythonAnswer> {
  return withTarget(request, async ({ port, host, path, caFile, limit }) => {
    const { exitCode, stdout, stderr } = await run({
      program: '/usr/bin/python3',
      args: ['-I', '-c', SCRIPT],
      input: JSON.stringify({ port, host, path, caFile: caFile ?? null, alpn: request.alpn ?? null }),
      ...limit,
    });
    if (exitCode !== 0) throw new Error(`python3 ended with ${String(exitCode)}: ${stderr}`);
    return JSON.parse(stdout) as PythonAnswer;
  });
}
