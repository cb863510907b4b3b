// What a person or a program is told: events, status, metrics and log, and what none of them may ever contain.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { inspect } from 'node:util';
import {
  type CertificateEvent,
  createSecureServer,
  type ExpiryEvent,
  filePair,
  type Logger,
  pemPair,
  type SecureServer,
  type SecureServerEvents,
  type SecureServerOptions,
  selfSigned,
  TlsmithError,
} from '../../src/index.js';
import { testCa, type TestCa, type TestPair } from '../support/certificates.js';
import { nodeHttps } from '../support/clients.js';
import { type ManualClock, manualClock, settled } from '../support/manual-clock.js';
import { withTemporaryFolder } from '../support/temporary-folder.js';
import { until } from '../support/until.js';
import { closesAfterEach } from './support/cleanup.js';
import { exchange, portOf, tls } from './support/connections.js';
import { memoryLog, type MemoryLog } from './support/log.js';
import { swappableSource, type SwappableSource } from './support/pairs.js';

const DAY_MS = 86_400_000;
const keep = closesAfterEach();
let ca: TestCa;
let pair: TestPair;
let other: TestPair;

beforeAll(async () => {
  ca = await testCa();
  pair = await ca.issue({ names: ['a.test'], serialNumber: '4a11' });
  other = await ca.issue({ names: ['a.test'], serialNumber: '4b22' });
});

interface Serving {
  readonly secure: SecureServer;
  readonly source: SwappableSource;
  readonly clock: ManualClock;
  readonly log: MemoryLog;
  readonly port: number;
}

async function serving(options: SecureServerOptions = {}): Promise<Serving> {
  const [clock, log, source] = [manualClock(), memoryLog(), swappableSource(pair)];
  const secure = keep(
    createSecureServer(
      { sources: source, logger: log.logger, clock, ...options },
      (_request: IncomingMessage, response: ServerResponse) => {
        response.end('page');
      },
    ),
  );
  await secure.listen({ port: 0, host: '127.0.0.1' });
  return { secure, source, clock, log, port: portOf(secure.server) };
}

const failure = () => new TlsmithError('ISSUANCE_FAILED', 'The CA is down.', { hint: 'Wait.' });

type EventName = keyof SecureServerEvents;

/** What makes each event happen, and what it carries. */
const occasions: readonly {
  readonly name: EventName;
  readonly occur: (serving: Serving) => Promise<void> | void;
  readonly argument: object;
}[] = [
  {
    name: 'certificate',
    occur: ({ source }) => void source.swap(other),
    argument: {
      action: 'reloaded',
      source: 'swappable',
      names: ['a.test'],
      serialNumber: '4B22',
      previousSerialNumber: '4A11',
      notAfter: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    },
  },
  {
    name: 'expiring',
    occur: ({ clock }) => clock.advance(62 * DAY_MS),
    argument: { source: 'swappable', names: ['a.test'], serialNumber: '4A11', daysLeft: expect.any(Number) },
  },
  {
    name: 'expired',
    occur: ({ clock }) => clock.advance(90 * DAY_MS),
    argument: { source: 'swappable', names: ['a.test'], serialNumber: '4A11', daysLeft: expect.any(Number) },
  },
  {
    name: 'failed',
    occur: ({ source }) => {
      source.host.notify({
        type: 'failed',
        names: ['b.test'],
        error: failure(),
        attempt: 3,
        nextAttempt: 1e12,
      });
    },
    argument: {
      source: 'swappable',
      names: ['b.test'],
      attempt: 3,
      nextAttempt: '2001-09-09T01:46:40.000Z',
      error: expect.objectContaining({ code: 'ISSUANCE_FAILED' }),
    },
  },
  {
    name: 'warning',
    occur: ({ source }) => {
      source.host.report({ code: 'SOURCE_TIMEOUT', severity: 'warning', message: 'The database is slow.' });
    },
    argument: {
      code: 'SOURCE_TIMEOUT',
      severity: 'warning',
      source: 'swappable',
      message: 'The database is slow.',
    },
  },
];

describe.each(occasions)('the event $name', ({ name, occur, argument }) => {
  it('tells its listeners', async () => {
    const serves = await serving();
    const heard: object[] = [];
    serves.secure.on(name, (event: object) => heard.push(event));
    await occur(serves);
    await settled();
    expect(heard).not.toHaveLength(0);
    expect(heard[0]).toMatchObject(argument);
  });
  it('does no harm without a listener, and is in the log', async () => {
    const serves = await serving();
    const before = serves.log.lines.length;
    await occur(serves);
    await settled();
    expect(serves.log.lines.length).toBeGreaterThan(before);
    await serve(serves);
  });
  it('does no harm with a listener that throws, which is logged, and later listeners hear of it', async () => {
    const serves = await serving();
    const heard: object[] = [];
    serves.secure.on(name, () => {
      throw new Error('listener');
    });
    serves.secure.on(name, (event: object) => heard.push(event));
    await occur(serves);
    await settled();
    expect(heard).not.toHaveLength(0);
    expect(faultsOf(serves)).toEqual([expect.stringContaining(`event ${name} threw: listener`)]);
    await serve(serves);
  });
  it('does no harm with an async listener that rejects, which is logged', async () => {
    const serves = await serving();
    const rejecting: (event: unknown) => unknown = () => Promise.reject(new Error('async listener'));
    serves.secure.on(name, (event: unknown) => rejecting(event));
    await occur(serves);
    await settled();
    expect(faultsOf(serves)).toEqual([expect.stringContaining('async listener')]);
    await serve(serves);
  });
  it('is heard once by once(), and not after off()', async () => {
    const serves = await serving();
    let count = 0;
    const listener = () => (count += 1);
    serves.secure.once(name, listener);
    const removed = () => (count += 100);
    serves.secure.on(name, removed).off(name, removed);
    await occur(serves);
    await settled();
    serves.source.swap(pair);
    expect(count).toBe(1);
  });
});

/** The server does what it is for. */
async function serve({ port }: Serving): Promise<void> {
  const { body } = await nodeHttps({ port, host: 'a.test', caPem: ca.rootPem });
  expect(body).toBe('page');
}

/** The lines about faults of listeners, without the summary of repetitions. */
function faultsOf({ log }: Serving): string[] {
  return log.lines
    .filter(({ level, facts }) => level === 'error' && 'reason' in facts && !('repeated' in facts))
    .map(({ message }) => message);
}

describe('expiry', () => {
  it('is told once at each of its instants, and not again after a change of certificates', async () => {
    const { secure, clock, source } = await serving();
    const heard: string[] = [];
    secure.on('expiring', ({ daysLeft, serialNumber }: ExpiryEvent) =>
      heard.push(`${serialNumber} ${daysLeft}`),
    );
    secure.on('expired', ({ daysLeft, serialNumber }: ExpiryEvent) =>
      heard.push(`${serialNumber} expired ${daysLeft}`),
    );
    await clock.advance(59 * DAY_MS);
    // The certificate lives for 90 days from yesterday: at 1/3, 1/6 and 1/20, and daily in its last week.
    expect(heard).toEqual(['4A11 30']);
    source.swap(pair);
    await clock.advance(29 * DAY_MS);
    expect(heard).toEqual(['4A11 30', '4A11 15', ...[7, 6, 5, 4, 4, 3, 2, 1].map((days) => `4A11 ${days}`)]);
    await clock.advance(2 * DAY_MS);
    expect(heard.at(-1)).toMatch(/^4A11 expired (?:0|-1)$/);
    const count = heard.length;
    await clock.advance(30 * DAY_MS);
    expect(heard).toHaveLength(count);
  });
  it('is told at start for a certificate that has expired already', async () => {
    const expired = await ca.issue({
      ...{ names: ['a.test'], notBefore: Date.now() - 30 * DAY_MS, notAfter: Date.now() - DAY_MS },
    });
    const log = memoryLog();
    const secure = keep(createSecureServer({ sources: pemPair(expired), logger: log.logger }));
    const heard = once(secure, 'expired') as Promise<[ExpiryEvent]>;
    await secure.start();
    expect((await heard)[0]).toMatchObject({ names: ['a.test'], daysLeft: -2 });
    expect(secure.status().certificates).toMatchObject([{ state: 'expired' }]);
    expect(log.lines.find(({ level }) => level === 'error')?.facts).toMatchObject({
      code: 'TLS_CERT_EXPIRED',
      hint: expect.stringContaining('Renew it'),
    });
  });

  it('has a code and a hint in the log while there is time', async () => {
    const { clock, log } = await serving();
    await clock.advance(62 * DAY_MS);
    const warned = log.lines.filter(({ level }) => level === 'warn');
    expect(warned.map(({ facts }) => facts['code'])).toEqual(['TLS_CERT_EXPIRING']);
    expect(warned[0]?.message).toMatch(/^The certificate for .* expires in \d+ days, at 20/);
    expect(warned[0]?.facts['hint']).toContain('without a restart');
  });
});

describe('an intermediate that ends before its certificate', () => {
  async function servingUntil(intermediateNotAfter: number): Promise<Serving> {
    const short = await testCa({ name: 'Short', intermediateNotAfter });
    const serves = await serving();
    serves.source.swap(await short.issue({ names: ['a.test'], serialNumber: '4c33' }));
    await settled();
    return serves;
  }

  it('is told before it ends, as often as a certificate would be, and when it has ended', async () => {
    const { secure, clock, log } = await servingUntil(secondsFrom(20.5 * DAY_MS));
    const heard: string[] = [];
    for (const kind of ['expiring', 'expired'] as const) {
      secure.on(kind, ({ intermediate = 'none', daysLeft }: ExpiryEvent) =>
        heard.push(`${kind} ${intermediate} ${daysLeft}`),
      );
    }
    await clock.advance(19 * DAY_MS + DAY_MS / 2);
    // The certificate is of yesterday: the chain lives for 21.5 days.
    expect(heard).toEqual([7, 3, 1].map((days) => `expiring CN=Short Intermediate ${days}`));
    await clock.advance(1.2 * DAY_MS);
    expect(heard.at(-1)).toMatch(/^expired CN=Short Intermediate (?:0|-1)$/);
    const told = log.lines.filter(({ facts }) => String(facts['code']).startsWith('TLS_CHAIN'));
    expect(told.map(({ facts }) => facts['code'])).toEqual([
      ...['TLS_CHAIN_EXPIRING', 'TLS_CHAIN_EXPIRING', 'TLS_CHAIN_EXPIRING', 'TLS_CHAIN_OUT_OF_DATE'],
    ]);
    expect(told[0]?.message).toMatch(
      /^The intermediate CN=Short Intermediate, with which the certificate for a\.test is sent, expires in 7 days, at 20.*, before the certificate does/,
    );
    expect(told[0]?.facts['hint']).toContain('chain of the authority');
  });

  it('is in status(), where the certificate is expiring from then on', async () => {
    const notAfter = secondsFrom(20.5 * DAY_MS);
    const { secure, clock } = await servingUntil(notAfter);
    const intermediate = {
      subject: 'CN=Short Intermediate',
      notAfter: new Date(notAfter).toISOString(),
    };
    expect(secure.status().certificates).toMatchObject([{ state: 'valid', intermediate }]);
    await clock.advance(14 * DAY_MS);
    expect(secure.status().certificates).toMatchObject([{ state: 'expiring', intermediate }]);
    await clock.advance(14 * DAY_MS);
    expect(secure.status().certificates).toMatchObject([{ state: 'expiring', intermediate }]);
    await clock.advance(70 * DAY_MS);
    expect(secure.status().certificates).toMatchObject([{ state: 'expired', intermediate }]);
  });

  it('makes one line when it has expired before it is loaded', async () => {
    const { secure, log, clock } = await servingUntil(secondsFrom(-5 * DAY_MS));
    const code = 'TLS_CHAIN_OUT_OF_DATE';
    await until(() => secure.status().findings.some((finding) => finding.code === code), 'the finding');
    await clock.advance(DAY_MS / 48);
    expect(log.lines.filter(({ facts }) => facts['code'] === code)).toHaveLength(1);
  });

  it('is nothing to tell of while the certificate ends first', async () => {
    const { secure, clock, log } = await servingUntil(secondsFrom(100 * DAY_MS));
    await clock.advance(88 * DAY_MS);
    expect(secure.status().certificates[0]).not.toHaveProperty('intermediate');
    expect(log.lines.filter(({ facts }) => String(facts['code']).startsWith('TLS_CHAIN'))).toEqual([]);
  });

  /** Certificates count whole seconds. */
  function secondsFrom(ms: number): number {
    return Math.floor((Date.now() + ms) / 1_000) * 1_000;
  }
});

describe('an expired certificate that was served', () => {
  it('is a finding until a good one has been loaded', async () => {
    const expired = await ca.issue({
      ...{ names: ['a.test'], notBefore: Date.now() - 30 * DAY_MS, notAfter: Date.now() - DAY_MS },
    });
    const { secure, source, port, log } = await serving();
    source.swap(expired);
    await tls(port, { servername: 'a.test', rejectUnauthorized: false }).then((socket) => socket.destroy());
    expect(secure.status().findings).toMatchObject([{ code: 'TLS_CERT_EXPIRED', source: 'swappable' }]);
    // The event and the finding say the same: one line.
    const told = log.lines.filter(({ facts }) => facts['code'] === 'TLS_CERT_EXPIRED');
    expect(told.map(({ level, message }) => `${level} ${message}`)).toEqual([
      expect.stringMatching(/^error The certificate for a\.test expired at 20.*: clients refuse it/),
    ]);
    source.swap(other);
    expect(secure.status().findings).toEqual([]);
  });
});

describe('status()', () => {
  it('describes certificates, findings and listeners, and is JSON', async () => {
    const { secure, source, port, clock } = await serving();
    source.host.report({ code: 'TLS_CERT_NO_NAMES', severity: 'warning', message: 'm', hint: 'h' });
    const status = secure.status();
    expect(JSON.parse(JSON.stringify(status))).toEqual(status);
    expect(status.certificates).toEqual([
      {
        names: ['a.test'],
        source: 'swappable',
        state: 'valid',
        issuer: 'Test Intermediate',
        serialNumber: '4A11',
        fingerprint256: expect.stringMatching(/^(?:[0-9A-F]{2}:){31}[0-9A-F]{2}$/),
        notBefore: expect.stringMatching(/Z$/),
        notAfter: expect.stringMatching(/Z$/),
        daysLeft: expect.any(Number),
      },
    ]);
    expect(status.findings).toEqual([
      { code: 'TLS_CERT_NO_NAMES', severity: 'warning', message: 'm', hint: 'h', source: 'swappable' },
    ]);
    expect(status.listeners).toEqual([{ protocol: 'https', address: '127.0.0.1', port }]);
    await clock.advance(62 * DAY_MS);
    expect(secure.status().certificates).toMatchObject([{ state: 'expiring' }]);
    await clock.advance(30 * DAY_MS);
    expect(secure.status().certificates).toMatchObject([{ state: 'expired' }]);
    source.host.resolved('TLS_CERT_NO_NAMES');
    expect(secure.status().findings).toEqual([]);
  });
  it('shows when a managed certificate will be renewed', async () => {
    const { secure } = await serving({ sources: selfSigned({ names: ['a.test'] }) });
    await secure.ready();
    const [certificate] = secure.status().certificates;
    expect(certificate).toMatchObject({ state: 'valid', attempts: 0, names: ['a.test'] });
    expect(Date.parse(certificate?.nextRenewal?.at ?? '')).toBeGreaterThan(Date.now());
    expect(certificate?.nextRenewal?.why).not.toBe('');
  });
  it('tells the same finding once', async () => {
    const { secure, source, log } = await serving();
    let warnings = 0;
    secure.on('warning', () => (warnings += 1));
    for (let round = 0; round < 5; round += 1) {
      source.host.report({ code: 'SOURCE_TIMEOUT', severity: 'warning', message: 'slow' });
    }
    expect(warnings).toBe(1);
    expect(secure.status().findings).toHaveLength(1);
    expect(log.lines.filter(({ message }) => message === 'slow')).toHaveLength(1);
  });
});

interface Family {
  readonly type: string;
  readonly samples: ReadonlyMap<string, number>;
}

/** A strict reader of the OpenMetrics text format, as far as counters and gauges go. */
function parseOpenMetrics(text: string): Map<string, Family> {
  expect(text.endsWith('\n# EOF\n')).toBe(true);
  const families = new Map<string, { type: string; samples: Map<string, number> }>();
  for (const line of text.split('\n').slice(0, -2)) {
    const meta = /^# (TYPE|HELP|UNIT) ([a-z_0-9]+) (.+)$/.exec(line);
    const [, keyword, name = '', value = ''] = meta ?? [];
    if (keyword === 'TYPE') {
      expect(families.has(name)).toBe(false);
      families.set(name, { type: value, samples: new Map() });
      continue;
    }
    const [family, last] = [...families].at(-1) ?? ['', undefined];
    if (meta !== null) {
      expect(name).toBe(family);
      continue;
    }
    const sample = /^([a-z_0-9]+)((?:\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*\})?) (-?[\d.e+]+)$/.exec(line);
    expect(sample).not.toBeNull();
    const [, series = '', labels = '', number = ''] = sample ?? [];
    expect(series).toBe(last?.type === 'counter' ? `${family}_total` : family);
    expect(last?.samples.has(labels)).toBe(false);
    last?.samples.set(labels, Number(number));
  }
  return families;
}

describe('a source that cannot say what it has', () => {
  it('ends neither the process nor the server, and is reported', async () => {
    const failing = (): never => {
      throw new Error('no database');
    };
    const custom = { name: 'custom', find: () => undefined, list: failing, managed: failing };
    const { secure, clock, port } = await serving({ sources: [custom, pemPair(pair)] });
    await clock.advance(2 * 3_600_000);
    const { certificates, findings } = secure.status();
    expect(certificates).toMatchObject([{ source: 'pem-pair', names: ['a.test'] }]);
    expect(findings).toMatchObject([{ code: 'SOURCE_FAILED', source: 'custom' }]);
    expect(secure.metrics()).toContain('a.test');
    expect(secure.urls).toEqual([expect.stringContaining(String(port))]);
  });
});

describe('strict', () => {
  it('refuses to start as often as it is tried', async () => {
    await withTemporaryFolder(async (folder) => {
      const nameless = await ca.issue({ names: [] });
      const { certFile, keyFile } = await nameless.writeTo(folder.path, 'nameless');
      const secure = keep(
        createSecureServer({ sources: filePair({ certFile, keyFile }), strict: true, logger: false }),
      );
      for (const attempt of ['first', 'second']) {
        await expect(secure.start().then(() => attempt)).rejects.toMatchObject({ code: 'TLS_CERT_NO_NAMES' });
      }
    });
  });
});

describe('metrics()', () => {
  it('is OpenMetrics text that counts what has happened', async () => {
    const { secure, source, port } = await serving({ unknownName: 'reject' });
    await nodeHttps({ port, host: 'a.test', caPem: ca.rootPem });
    await nodeHttps({ port, host: 'a.test', caPem: ca.rootPem });
    await expect(tls(port, { servername: 'b.test' })).rejects.toThrow();
    await exchange(port, 'GET / HTTP/1.1\r\nhost: a.test\r\n\r\n');
    await expect(
      tls(port, { maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA', ca: ca.rootPem }),
    ).rejects.toThrow();
    source.swap(other);
    const families = parseOpenMetrics(secure.metrics());
    const handshakes = families.get('tlsmith_handshakes');
    expect(handshakes?.type).toBe('counter');
    expect(Object.fromEntries(handshakes?.samples ?? [])).toEqual({
      '{result="completed"}': 2,
      '{result="SERVER_NAME_UNKNOWN"}': 1,
      '{result="TLS_PLAIN_HTTP_ON_TLS_PORT"}': 1,
      '{result="failed"}': 1,
    });
    expect(families.get('tlsmith_sessions')?.samples.get('{kind="full"}')).toBe(2);
    expect(families.get('tlsmith_certificates')?.samples.get('{event="reloaded"}')).toBe(1);
    const keyShares = [...(families.get('tlsmith_key_shares')?.samples.values() ?? [])];
    expect(keyShares.reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(2);
    const validity = families.get('tlsmith_certificate_not_after_seconds');
    expect(validity?.type).toBe('gauge');
    expect([...(validity?.samples.values() ?? [])]).toEqual([
      Date.parse(secure.status().certificates[0]?.notAfter ?? '') / 1000,
    ]);
    expect([...(validity?.samples.keys() ?? [])]).toEqual([
      '{names="a.test",source="swappable",serial="4B22"}',
    ]);
  });
  it('is valid before anything has happened', () => {
    const secure = keep(createSecureServer({ sources: pemPair(pair), logger: false }));
    expect(parseOpenMetrics(secure.metrics()).size).toBeGreaterThan(3);
  });
  it('escapes what could break its format', async () => {
    const { secure } = await serving({ sources: swappableSource(pair, 'quo"te\\back\nline') });
    expect(parseOpenMetrics(secure.metrics()).size).toBeGreaterThan(3);
  });
});

describe('the log', () => {
  it('has one structured line at start that says where, what and until when', async () => {
    const { log, port, secure } = await serving();
    const lines = log.lines.filter(({ message }) => message.startsWith('Listening at'));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({
      level: 'info',
      message: expect.stringContaining(String(port)),
      facts: {
        urls: secure.urls,
        minVersion: 'TLSv1.2',
        maxVersion: 'TLSv1.3',
        certificateCount: 1,
        certificates: [
          {
            names: ['a.test'],
            source: 'swappable',
            state: 'valid',
            notAfter: expect.stringMatching(/Z$/),
            fingerprint256: expect.stringMatching(/^[0-9A-F:]{95}$/),
          },
        ],
      },
    });
    expect(JSON.parse(JSON.stringify(lines[0]?.facts))).toEqual(lines[0]?.facts);
  });
  it('names the protocols that are offered at start', async () => {
    for (const [http2, alpn] of [
      [true, ['h2', 'http/1.1']],
      [false, ['http/1.1']],
    ] as const) {
      const { log } = await serving({ http2 });
      expect(log.lines.find(({ message }) => message.startsWith('Listening at'))?.facts).toMatchObject({
        alpn,
      });
    }
  });
  it('has facts about each handshake at debug', async () => {
    const { log, port } = await serving();
    await nodeHttps({ port, host: 'a.test', caPem: ca.rootPem });
    expect(log.lines.filter(({ level }) => level === 'debug')).toMatchObject([
      {
        facts: {
          serverName: 'a.test',
          version: 'TLSv1.3',
          cipher: expect.any(String),
          remoteAddress: '127.0.0.1',
        },
      },
    ]);
  });
  it.each<[string, Logger]>([
    [
      'throws',
      loggerThat(() => {
        throw new Error('disk full');
      }),
    ],
    [
      'throws what is no error',
      loggerThat(() => {
        throw undefined;
      }),
    ],
    ['rejects', loggerThat(() => Promise.reject(new Error('disk full')))],
  ])('may go to a logger that %s', async (_, logger) => {
    const serves = await serving({ logger });
    serves.source.swap(other);
    serves.source.host.report({ code: 'SOURCE_TIMEOUT', severity: 'warning', message: 'slow' });
    serves.secure.on('certificate', () => {
      throw new Error('listener');
    });
    serves.source.swap(pair);
    await exchange(serves.port, 'nonsense\r\n\r\n');
    expect(await nodeHttps({ port: serves.port, host: 'a.test', caPem: ca.rootPem })).toMatchObject({
      body: 'page',
    });
  });
  it('of a logger without a method is a TypeError', () => {
    const logger = { debug: noop, info: noop, warn: noop } as unknown as Logger;
    expect(() => createSecureServer({ logger })).toThrow(/logger/);
  });
});

function loggerThat(fails: () => unknown): Logger {
  return { debug: fails, info: fails, warn: fails, error: fails };
}

function noop(): void {
  // Nothing to do.
}

describe('key material', () => {
  it('is in no log line, event, status, metric, error or printed object', async () => {
    await withTemporaryFolder(async (folder) => {
      const passphrase = 'correct horse battery staple';
      const secretPair = await ca.issue({ names: ['secret.test'], passphrase });
      const { certFile, keyFile } = await secretPair.writeTo(folder.path, 'secret');
      const events: CertificateEvent[] = [];
      const serves = await serving({
        sources: [
          swappableSource(pair),
          pemPair({ cert: other.cert, key: other.key }),
          filePair({ certFile, keyFile, passphrase }),
          () => ({ cert: pair.cert, key: other.key }),
          selfSigned({ names: ['self.test'] }),
        ],
      });
      const { secure, port, log, clock } = serves;
      for (const name of ['certificate', 'expiring', 'expired', 'failed', 'warning'] as const) {
        secure.on(name, (event: unknown) => events.push(event as CertificateEvent));
      }
      await secure.ready();
      for (const servername of ['a.test', 'secret.test', 'self.test', 'unknown.test', 'bad name']) {
        await tls(port, { servername, rejectUnauthorized: false }).then((socket) => socket.destroy(), noop);
      }
      // Not passed second by second: the files are looked at in each of them.
      clock.jump(100 * DAY_MS);
      await secure.reload();
      const errors = await Promise.allSettled([
        keep(
          createSecureServer({ sources: pemPair({ cert: pair.cert, key: other.key }), logger: false }),
        ).start(),
        keep(
          createSecureServer({
            sources: filePair({ certFile, keyFile, passphrase: `${passphrase}\n` }),
            logger: false,
          }),
        ).start(),
        keep(
          createSecureServer({ sources: filePair({ certFile: keyFile, keyFile: certFile }), logger: false }),
        ).start(),
      ]);
      expect(errors.every(({ status }) => status === 'rejected')).toBe(true);
      await until(() => events.length > 0, 'events');
      const everything = [
        log.lines,
        events,
        secure.status(),
        secure.metrics(),
        errors,
        secure,
        serves.source.list?.(),
      ];
      const text = everything
        .flatMap((thing) => [
          JSON.stringify(thing, withErrors),
          inspect(thing, { depth: 20, showHidden: true }),
        ])
        .join('\n');
      expect(text).toContain('secret.test');
      for (const key of [pair.key, other.key, secretPair.key]) {
        for (const line of key.split('\n').filter((part) => part.length > 40))
          expect(text).not.toContain(line);
      }
      expect(text).not.toContain('PRIVATE KEY');
      expect(text).not.toContain(passphrase);
    });
  });
});

/** Errors as JSON would otherwise hide them. */
function withErrors(_key: string, value: unknown): unknown {
  if (!(value instanceof Error)) return value;
  return {
    ...Object.fromEntries(Object.entries(value)),
    message: value.message,
    stack: value.stack,
    cause: value.cause,
  };
}
