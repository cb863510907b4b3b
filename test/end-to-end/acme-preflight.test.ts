// What is said before the first order from an authority that validates on the public internet. Pebble stands for
// Let's Encrypt: an agent leads all connections to it.
import { afterEach, describe, expect, it } from '@jest/globals';
import { Agent, type AgentOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import type { SecureServerOptions } from '../../src/index.js';
import { askOnly, type DnsRecords, type DnsServer, startDnsServer } from '../support/dns-server.js';
import type { Pebble } from '../support/pebble.js';
import type { PebbleFront } from '../support/pebble-front.js';
import { until } from '../support/until.js';
import { acmePage, acmeServing, type AcmeServing, nextFailure } from './support/acme-server.js';
import { json, problem } from './support/certificate-in-use.js';
import { closesAfterEach } from './support/cleanup.js';
import { frontedPebble } from './support/fronted-pebble.js';

const ORIGIN = 'https://acme-v02.api.letsencrypt.org';
const endings: (() => unknown)[] = [];
let pebble: Pebble;
let front: PebbleFront;
let count = 0;

frontedPebble((started) => {
  ({ pebble, front } = started);
});

// Registered first, so that it runs after the servers under test have closed.
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});
const keep = closesAfterEach();

/** Connects to one port of this machine, whatever is asked for. */
class OneWayAgent extends Agent {
  asked = 0;
  readonly #port: number;

  constructor(port: number, options: AgentOptions) {
    super(options);
    this.#port = port;
  }

  override createConnection(
    options: AgentOptions,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): Duplex | null | undefined {
    this.asked += 1;
    const way = { ...options, host: '127.0.0.1', port: this.#port, servername: 'localhost' };
    return super.createConnection(way, callback);
  }
}

/** Pebble's parts, where Let's Encrypt would have its own. */
const DIRECTORY = json({
  newNonce: `${ORIGIN}/nonce-plz`,
  newAccount: `${ORIGIN}/sign-me-up`,
  newOrder: `${ORIGIN}/order-plz`,
  revokeCert: `${ORIGIN}/revoke-cert`,
  keyChange: `${ORIGIN}/rollover-account-key`,
});

async function asking(records: DnsRecords): Promise<DnsServer> {
  const server = await startDnsServer(records);
  endings.push(askOnly(server), () => server.stop());
  return server;
}

/** A name that a public authority may issue for. */
function newName(): string {
  count += 1;
  return `preflight-${count}.example.com`;
}

interface Serving extends AcmeServing {
  readonly agent: OneWayAgent;
  /** Has orders refused, or no longer. */
  readonly refuse: (isRefused: boolean) => void;
  readonly codes: () => readonly string[];
}

/** Its orders are refused at first. */
async function serving(name: string, server: SecureServerOptions = {}): Promise<Serving> {
  const agent = new OneWayAgent(Number(new URL(front.directoryUrl).port), { ca: pebble.serverCa });
  endings.push(() => {
    agent.destroy();
  });
  let isRefused = true;
  front.intercept = ({ path }) => {
    if (path === '/directory') return DIRECTORY;
    return isRefused && path === '/order-plz' ? problem('serverInternal', 'not now', 503) : undefined;
  };
  const made = await acmeServing({
    ...{ pebble, keep, server },
    options: { domains: name, directoryUrl: 'letsencrypt', agent },
  });
  return {
    ...made,
    agent,
    refuse: (wanted) => {
      isRefused = wanted;
    },
    codes: () => made.secure.status().findings.map(({ code }) => code),
  };
}

describe('Before the first order', () => {
  it('the port and the name that lead elsewhere are told of, and taken back with the certificate', async () => {
    const name = newName();
    const dns = await asking({ [name]: { a: ['10.0.0.9'] } });
    const { secure, agent, refuse, codes, warnings } = await serving(name);
    await nextFailure({ secure });
    await until(() => codes().includes('ACME_NAME_DOUBTFUL'));
    expect(secure.status().findings).toContainEqual(
      expect.objectContaining({
        code: 'ACME_PORT_DOUBTFUL',
        source: 'acme',
        message: expect.stringContaining(`listens for them at 127.0.0.1:${pebble.tlsPort}`),
      }),
    );
    expect(warnings.join('\n')).toContain(`${name} leads to 10.0.0.9 alone`);
    expect(agent.asked).toBeGreaterThan(0);
    const asked = dns.asked.length;
    refuse(false);
    await secure.renew(name);
    expect(codes()).toEqual(['STORAGE_NOT_PERSISTENT']);
    expect(await acmePage(pebble, name)).toMatchObject({ status: 200 });
    // Renewals go by what has worked.
    await secure.renew(name);
    expect(dns.asked).toHaveLength(asked);
    expect(codes()).toEqual(['STORAGE_NOT_PERSISTENT']);
  });

  it('publicUrl says that the port is forwarded, and DNS that fails says nothing', async () => {
    const name = newName();
    const dns = await asking({ [name]: 'fails' });
    const { secure, codes } = await serving(name, { publicUrl: `https://${name}` });
    await nextFailure({ secure });
    await until(() => dns.asked.length > 1);
    expect(codes()).toEqual(['STORAGE_NOT_PERSISTENT']);
  });

  it('an authority of one’s own is not judged by the public internet', async () => {
    const dns = await asking({});
    const { secure } = await acmeServing({
      ...{ pebble, keep },
      options: { domains: newName(), directoryUrl: front.directoryUrl },
    });
    await secure.ready();
    expect(secure.status().findings).toEqual([]);
    expect(dns.asked).toEqual([]);
  });
});
