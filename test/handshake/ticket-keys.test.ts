import { afterEach, describe, expect, it } from '@jest/globals';
import { TicketKeys } from '../../src/handshake/ticket-keys.js';
import { manualClock } from '../support/manual-clock.js';
import {
  type Handshake,
  handshake,
  type RoutedServer,
  routedServer,
  SETTINGS,
} from './support/routed-server.js';
import { answering, credentialFor, sourceOf } from './support/sources.js';

const PERIOD_MS = 43_200_000;
const opened: RoutedServer[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((server) => server.close()));
});

describe('ticket keys', () => {
  it('rotate with every period; the one before is kept for one more', async () => {
    const clock = manualClock();
    const keys = new TicketKeys(clock, PERIOD_MS);
    keys.start();
    const first = keys.current;
    await clock.advance(PERIOD_MS);
    const second = keys.current;
    expect(keys.previous).toBe(first);
    await clock.advance(PERIOD_MS);
    expect(keys.previous).toBe(second);
    expect(second.name.equals(first.name)).toBe(false);
    keys.close();
    expect(clock.pendingTimers).toBe(0);
  });

  it('stay as they are when the rotation is closed, also twice', async () => {
    const clock = manualClock();
    const keys = new TicketKeys(clock, PERIOD_MS);
    keys.start();
    keys.close();
    keys.close();
    const { current } = keys;
    await clock.advance(PERIOD_MS * 3);
    expect(keys.current).toBe(current);
  });
});

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('a session of %s', (maxVersion) => {
  it('resumes in its own period and in the next, but not in the one after', async () => {
    const server = await routed();
    const { session, isReused } = await connect(server);
    expect(isReused).toBe(false);
    expect((await connect(server, session)).isReused).toBe(true);
    const fresh = (await connect(server)).session;
    server.ticketKeys.rotate();
    expect((await connect(server, fresh)).isReused).toBe(true);
    const old = (await connect(server)).session;
    server.ticketKeys.rotate();
    server.ticketKeys.rotate();
    expect((await connect(server, old)).isReused).toBe(false);
  });

  it('resumes after the certificate was replaced', async () => {
    const credentials = [await credentialFor('a.test')];
    const server = await routedServer([answering(() => credentials.at(-1))]);
    opened.push(server);
    const { session, fingerprint256 } = await connect(server);
    credentials.push(await credentialFor('a.test'));
    expect((await connect(server)).fingerprint256).not.toBe(fingerprint256);
    expect((await connect(server, session)).isReused).toBe(true);
  });

  it('tells the application its server name also when it is resumed', async () => {
    const server = await routed();
    const { session } = await connect(server, undefined, 'a.test');
    await connect(server, session, 'a.test');
    expect(server.secured.map(({ servername }) => servername)).toEqual(['a.test', 'a.test']);
  });

  it('that was begun without a name has none when it is resumed', async () => {
    const server = await routed();
    const begun = await handshake(server.port, { maxVersion });
    const resumed = await handshake(server.port, {
      maxVersion,
      ...(begun.session === undefined ? {} : { session: begun.session }),
    });
    expect(resumed.isReused).toBe(true);
    expect(server.secured.map(({ servername }) => servername)).toEqual([false, false]);
  });

  it('never resumes when tickets are off', async () => {
    const server = await routed({ hasSessionTickets: false });
    const { session } = await connect(server);
    expect((await connect(server, session)).isReused).toBe(false);
  });

  async function routed(settings: { hasSessionTickets?: boolean } = {}): Promise<RoutedServer> {
    const server = await routedServer(
      [sourceOf(await credentialFor('a.test'), await credentialFor('b.test'))],
      {
        settings: { ...SETTINGS, ...settings },
      },
    );
    opened.push(server);
    return server;
  }

  async function connect(
    { port }: RoutedServer,
    session?: Buffer,
    servername = 'a.test',
  ): Promise<Handshake> {
    return handshake(port, { servername, maxVersion, ...(session === undefined ? {} : { session }) });
  }
});
