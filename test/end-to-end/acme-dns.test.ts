// dns-01 (RFC 8555 §8.4) with Pebble, and a name server whose records a user's solver sets.
import { beforeEach, describe, expect, it } from '@jest/globals';
import {
  type AcmeDomains,
  type AcmeOptions,
  dns01,
  memoryStorage,
  type SecureServerOptions,
} from '../../src/index.js';
import type { Pebble } from '../support/pebble.js';
import type { PebbleFront } from '../support/pebble-front.js';
import { type TestDns, testDns } from '../support/test-dns.js';
import {
  acmePage,
  acmeServer,
  acmeServing,
  type AcmeServing,
  HOST,
  nameGenerator,
  nextFailure,
} from './support/acme-server.js';
import { closesAfterEach } from './support/cleanup.js';
import { frontedPebble } from './support/fronted-pebble.js';

const keep = closesAfterEach();
const newName = nameGenerator('dns');
let pebble: Pebble;
let front: PebbleFront;
let dns: TestDns;

frontedPebble((started) => {
  ({ pebble, front } = started);
});

beforeEach(() => {
  dns = testDns(pebble);
});

function serving(domains: AcmeDomains, options: Partial<AcmeOptions> = {}): Promise<AcmeServing> {
  return acmeServing(serverFor(domains, options));
}

function serverFor(domains: AcmeDomains, options: Partial<AcmeOptions> = {}) {
  const { directoryUrl } = front;
  const server: SecureServerOptions = { storage: memoryStorage() };
  return { pebble, keep, options: { domains, directoryUrl, challenges: [dns01(dns)], ...options }, server };
}

describe('dns01(solver)', () => {
  it('gets a certificate for a wildcard, which serves every host below, and removes its record', async () => {
    const name = newName();
    const { secure } = await serving(`*.${name}`);
    await secure.ready();
    expect(await acmePage(pebble, `any.${name}`)).toMatchObject({ status: 200, names: `DNS:*.${name}` });
    expect(dns.calls).toEqual([`present _acme-challenge.${name}`, `cleanUp _acme-challenge.${name}`]);
    expect(dns.records).toEqual([]);
  });

  it('gets one certificate for a name and its wildcard by two records of the same name', async () => {
    const name = newName();
    let running = 0;
    let most = 0;
    dns.before = async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise(setImmediate);
      running -= 1;
    };
    const { secure, failed } = await serving([[name, `*.${name}`]]);
    await secure.ready();
    expect(failed).toEqual([]);
    expect(await acmePage(pebble, `any.${name}`)).toMatchObject({ status: 200 });
    expect(await acmePage(pebble, name)).toMatchObject({ status: 200 });
    const method = (call: string): string => call.split(' ')[0] ?? '';
    expect(dns.calls.map(method)).toEqual(['present', 'present', 'cleanUp', 'cleanUp']);
    expect(most).toBe(1);
    expect(dns.records).toEqual([]);
  });

  it('needs no listener that a validator could reach', async () => {
    const name = newName();
    const { secure } = acmeServer(serverFor(name));
    await secure.listen({ port: 0, host: HOST });
    await secure.ready();
    expect(secure.status().certificates).toMatchObject([{ names: [name], state: 'valid' }]);
  });

  it('stands beside other types: they come in the order given, wildcards by records alone', async () => {
    const name = newName();
    const challenges: AcmeOptions['challenges'] = ['tls-alpn-01', dns01(dns)];
    const { secure, failed } = await serving([name, `*.${name}`], { challenges });
    await secure.ready();
    expect(failed).toEqual([]);
    expect(dns.calls).toEqual([`present _acme-challenge.${name}`, `cleanUp _acme-challenge.${name}`]);
  });

  it('takes part when the other types fail', async () => {
    const name = newName();
    const challenges: AcmeOptions['challenges'] = ['tls-alpn-01', dns01(dns)];
    const { secure, failed, warnings } = acmeServer(serverFor(name, { challenges }));
    await secure.listen({ port: 0, host: HOST });
    await secure.ready();
    expect(failed).toEqual([]);
    expect(warnings.join()).toContain(`${name} by tls-alpn-01`);
    expect(front.orders).toHaveLength(2);
  });

  it('takes wildcards by manage() as well', async () => {
    const name = newName();
    const { secure, source } = await serving([]);
    await source.manage(`*.${name}`);
    await secure.ready();
    expect(secure.status().certificates).toMatchObject([{ names: [`*.${name}`], state: 'valid' }]);
  });
});

describe('A solver', () => {
  it('that cannot set the record is told of with its own words, and may clean up what it has begun', async () => {
    const name = newName();
    const refusal = new Error('zone is read-only');
    dns.before = (method) => {
      if (method === 'present') throw refusal;
    };
    const { secure } = await serving(`*.${name}`);
    const { error, nextAttempt } = await nextFailure({ secure });
    expect(error).toMatchObject({ code: 'ACME_SOLVER_FAILED', names: [`*.${name}`], cause: refusal });
    expect(error.message).toContain(`*.${name} by dns-01`);
    expect(error.message).toContain('zone is read-only');
    expect(nextAttempt).toBeDefined();
    expect(dns.calls).toEqual([`present _acme-challenge.${name}`, `cleanUp _acme-challenge.${name}`]);
    expect(front.orders).toHaveLength(1);
  });

  it('that cannot set the record leaves it to another type of challenge', async () => {
    const name = newName();
    dns.before = (method) => {
      if (method === 'present') throw new Error('no');
    };
    const { secure, failed } = await serving(name, { challenges: [dns01(dns), 'tls-alpn-01'] });
    await secure.ready();
    expect(failed).toEqual([]);
    expect(await acmePage(pebble, name)).toMatchObject({ status: 200 });
  });

  it('that sets nothing makes the authority say so, and the hint says what present() owes', async () => {
    const name = newName();
    const vain = dns01({ present: () => undefined, cleanUp: () => undefined });
    const { secure } = await serving(`*.${name}`, { challenges: [vain, 'tls-alpn-01'] });
    const { error } = await nextFailure({ secure });
    expect(['ACME_CHALLENGE_FAILED', 'ACME_DNS']).toContain(error.code);
    expect(error.hint).toContain('`present` must resolve only once');
    expect(front.orders).toHaveLength(1);
  });

  it('that cannot remove the record costs a warning, and no certificate', async () => {
    dns.before = (method) => {
      if (method === 'cleanUp') throw new Error('gone');
    };
    const name = newName();
    const { secure, failed, warnings } = await serving(`*.${name}`);
    await secure.ready();
    expect(failed).toEqual([]);
    expect(warnings.join()).toContain(`could not remove the TXT record _acme-challenge.${name}: gone`);
  });

  it('that never answers is told to stop when the server closes, and may clean up', async () => {
    const aborted: unknown[] = [];
    let cleaned = 0;
    const hanging = dns01({
      present: (_record, { signal }) =>
        new Promise((_, reject) => {
          const stop = (): void => {
            aborted.push(signal.reason);
            reject(new Error('stopped'));
          };
          signal.addEventListener('abort', stop);
          presenting();
        }),
      cleanUp: () => {
        cleaned += 1;
      },
    });
    let presenting = (): void => undefined;
    const isPresenting = new Promise<void>((resolve) => (presenting = resolve));
    const { secure, failed } = await serving(`*.${newName()}`, { challenges: [hanging] });
    await isPresenting;
    await secure.close({ graceMs: 0 });
    expect(aborted).toHaveLength(1);
    expect(cleaned).toBe(1);
    expect(failed).toEqual([]);
  });
});
