// What is said of a port that cannot be had: who has it, or what keeps it from this process, and what helps.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { forbiddenPort, listenError } from '../../src/listening/listen-errors.js';
import { portHolder } from '../../src/listening/port-holder.js';
import { portOf } from '../end-to-end/support/connections.js';

const onLinux = process.platform === 'linux' ? it : it.skip;
let child: ChildProcess | undefined;
let server: Server | undefined;
afterEach(async () => {
  if (child !== undefined) {
    const gone = once(child, 'close');
    child.kill();
    await gone;
  }
  if (server !== undefined) {
    server.close();
    await once(server, 'close');
  }
  [child, server] = [undefined, undefined];
});

function takenError(port: number) {
  return listenError(Object.assign(new Error('taken'), { code: 'EADDRINUSE' }), { port, host: '127.0.0.1' });
}

describe('a port that is taken', () => {
  onLinux('by another process is told with its name and number', async () => {
    const script = `require('net').createServer().listen(0, '127.0.0.1', function () { console.log(this.address().port); })`;
    child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(child.stdout!, 'data')) as [Buffer];
    const error = takenError(Number(line.toString()));
    expect(error).toMatchObject({ code: 'PORT_IN_USE', pid: child.pid });
    expect(error.message).toMatch(new RegExp(`is taken by \\S.* \\(process ${child.pid}\\)\\.$`));
  });

  onLinux('by this process is told as that', async () => {
    server = createServer().listen(0, '::');
    await once(server, 'listening');
    expect(takenError(portOf(server)).message).toContain('is taken by this process itself');
  });

  it('by nobody whom this user may look at is told with the command that finds him', async () => {
    // One listens, on another port.
    server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    expect(portHolder(1)).toBeUndefined();
    const error = takenError(1);
    expect(error.message).toBe('127.0.0.1:1 is taken by another program.');
    expect(error.hint).toMatch(/`(?:sudo ss -ltnp|sudo lsof|netstat).* names it/);
  });
});

describe('a port that is kept from this process', () => {
  it.each<[string, number, NodeJS.Platform, number | undefined, string, RegExp]>([
    ['below the limit', 443, 'linux', 1024, 'PORT_PRIVILEGED', /CAP_NET_BIND_SERVICE/],
    ['below a limit that was lowered', 70, 'linux', 80, 'PORT_PRIVILEGED', /a firewall redirect from 70/],
    ['above the limit', 8443, 'linux', 1024, 'LISTEN_FAILED', /semanage port -a -t http_port_t -p tcp 8443/],
    ['above a limit that was lowered', 443, 'linux', 0, 'LISTEN_FAILED', /AppArmor/],
    ['where the system names no limit', 443, 'darwin', undefined, 'PORT_PRIVILEGED', /privileges|setcap/],
    ['on Windows', 443, 'win32', undefined, 'LISTEN_FAILED', /excludedportrange/],
  ])('is told with what helps: %s', (_what, port, platform, firstFree, code, hint) => {
    const error = forbiddenPort({ port, host: '0.0.0.0' }, {}, { platform, firstFree });
    expect(error.code).toBe(code);
    expect(error.message).toContain(String(port));
    expect(error.hint).toMatch(hint);
  });
});
