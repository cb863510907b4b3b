import { describe, expect, it } from '@jest/globals';
import type { ClientHello } from '../../src/handshake/client-hello.js';
import { Policies, type PolicySettings } from '../../src/handshake/policies.js';
import { PolicyServers } from '../../src/handshake/policy-servers.js';
import type { TlsServers } from '../../src/handshake/tls-servers.js';
import { manualClock } from '../support/manual-clock.js';
import { SETTINGS } from './support/routed-server.js';
import { credentialFor } from './support/sources.js';

const defaults: PolicySettings = { tls: SETTINGS, clientAuth: undefined };

function policiesFor(...names: string[]): Policies {
  const byName = new Map(names.map((name) => [name, { ...defaults }]));
  return new Policies({ clock: manualClock(), rotateTicketKeysEveryMs: 1_000, defaults, byName });
}

describe('Policies', () => {
  it('are chosen by the name as it was sent: exact, then by wildcard of one level, then the default', () => {
    const policies = policiesFor('a.test', '*.a.test', 'x.a.test');
    const nameFor = (sent: string | undefined): string => policies.for(sent).name;
    expect(['a.test', 'A.Test.', 'x.a.test', 'y.a.test', 'z.y.a.test', 'b.test'].map(nameFor)).toEqual([
      'a.test',
      'a.test',
      'x.a.test',
      '*.a.test',
      'default',
      'default',
    ]);
    expect([undefined, '', 'a b', 'a.test\0', '192.0.2.1', '*.a.test'].map(nameFor)).toEqual(
      Array(6).fill('default'),
    );
  });

  it('have ticket keys and session id contexts of their own, as long as TLS allows', () => {
    const policies = policiesFor('a.test', `${'a'.repeat(60)}.test`);
    const contexts = policies.all.map(({ sessionIdContext }) => sessionIdContext);
    expect(new Set(contexts).size).toBe(3);
    expect(contexts.every((context) => context.length <= 32)).toBe(true);
    const keys = policies.all.map(({ ticketKeys }) => ticketKeys.current.secret.toString('hex'));
    expect(new Set(keys).size).toBe(3);
    expect(policies.areSeveral).toBe(true);
    expect(policiesFor().areSeveral).toBe(false);
  });

  it('rotate their ticket keys together, from start to close', async () => {
    const clock = manualClock();
    const byName = new Map([['a.test', defaults]]);
    const policies = new Policies({ clock, rotateTicketKeysEveryMs: 1_000, defaults, byName });
    const before = policies.all.map(({ ticketKeys }) => ticketKeys.current);
    policies.start();
    await clock.advance(1_000);
    const after = policies.all.map(({ ticketKeys }) => ticketKeys);
    expect(after.map(({ previous }) => previous)).toEqual(before);
    policies.close();
    const last = after.map(({ current }) => current);
    await clock.advance(5_000);
    expect(after.map(({ current }) => current)).toEqual(last);
  });
});

describe('A policy that asks for client certificates', () => {
  it('drops all its ticket keys when the trust has changed, and those of no other', () => {
    const listeners: (() => void)[] = [];
    const clientAuth = {
      isRequired: false,
      trust: { ca: [], crl: [] },
      onChange: (listener: () => void) => void listeners.push(listener),
    };
    const byName = new Map([['a.test', { ...defaults, clientAuth }]]);
    const policies = new Policies({ clock: manualClock(), rotateTicketKeysEveryMs: 1_000, defaults, byName });
    const [other, { ticketKeys }] = [policies.default, policies.of('a.test')];
    const [before, untouched] = [ticketKeys.current, other.ticketKeys.current];
    for (const listener of listeners) listener();
    expect(ticketKeys.current).not.toBe(before);
    expect(ticketKeys.previous).toBeUndefined();
    expect(other.ticketKeys.current).toBe(untouched);
  });
});

describe('The TLS servers of policies', () => {
  it('complete the connections of their policy, and all tell their keys once somebody asks', async () => {
    const policies = policiesFor('a.test');
    const [asked, told]: [string[], string[]] = [[], []];
    const servers = new PolicyServers(policies, ({ name }) => {
      const stub: Pick<TlsServers, 'serverFor' | 'enableKeylog'> = {
        serverFor: () => {
          asked.push(name);
          return {} as never;
        },
        enableKeylog: () => told.push(name),
      };
      return stub as TlsServers;
    });
    const credential = await credentialFor('a.test');
    for (const serverName of ['a.test', 'b.test', undefined]) {
      servers.serverFor(credential, { serverName } as ClientHello);
    }
    expect(asked).toEqual(['a.test', 'default', 'default']);
    servers.enableKeylog(() => undefined);
    expect(told).toEqual(['default', 'a.test']);
  });

  it('are prepared for a certificate where its first name belongs', async () => {
    const prepared: string[] = [];
    const servers = new PolicyServers(policiesFor('a.test'), ({ name }) => {
      const stub: Pick<TlsServers, 'prepare'> = { prepare: () => prepared.push(name) };
      return stub as TlsServers;
    });
    for (const name of ['b.test', 'a.test']) servers.prepare(await credentialFor(name));
    expect(prepared).toEqual(['default', 'a.test']);
  });
});
