import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createSecureContext, createServer } from 'node:tls';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Challenges, isValidator } from '../../src/handshake/challenges.js';
import { wholeHello } from '../../src/handshake/client-hello.js';
import { TicketKeys } from '../../src/handshake/ticket-keys.js';
import { inHandshakeOptions, type InHandshakeOptions } from '../../src/handshake/tls-options.js';
import { manualClock } from '../support/manual-clock.js';
import type { ChallengeQuestion } from '../../src/sources/certificate-source.js';
import { testCa, type TestPair } from '../support/certificates.js';
import { createCredential } from '../../src/credential/credential.js';
import { captureClientHello } from '../support/raw-client-hello.js';
import { alpn, type Extension, hello } from './support/hello-builder.js';
import {
  alertRecord,
  exchange,
  handshake,
  type RoutedServer,
  routedServer,
  SETTINGS,
} from './support/routed-server.js';
import { credentialFor, sourceOf } from './support/sources.js';

const UNRECOGNIZED_NAME = 112;
const opened: { close(): unknown }[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((server) => server.close()));
});

describe('challenges', () => {
  it('are answered by identifier, however the validator writes it, until they are taken back', async () => {
    const challenges = new Challenges();
    const withdraw = challenges.add({
      type: 'tls-alpn-01',
      identifier: 'a.test',
      credential: await challengePair(),
    });
    expect(challenges.credentialFor('A.test.')).toBeDefined();
    expect(challenges.credentialFor('b.test')).toBeUndefined();
    expect(challenges.credentialFor('../x')).toBeUndefined();
    expect(challenges.credentialFor(undefined)).toBeUndefined();
    withdraw();
    expect(challenges.credentialFor('a.test')).toBeUndefined();
  });

  it('of one identifier may overlap; the latest answers, and taking back one leaves the other', async () => {
    const challenges = new Challenges();
    const [first, second] = [await challengePair(), await challengePair()];
    const withdrawFirst = challenges.add({ type: 'tls-alpn-01', identifier: 'a.test', credential: first });
    const withdrawSecond = challenges.add({ type: 'tls-alpn-01', identifier: 'a.test', credential: second });
    expect(challenges.credentialFor('a.test')?.id).toBe(createCredential(second).id);
    withdrawSecond();
    expect(challenges.credentialFor('a.test')?.id).toBe(createCredential(first).id);
    withdrawFirst();
    withdrawFirst();
    expect(challenges.credentialFor('a.test')).toBeUndefined();
  });

  it('by token give the key authorization until they are taken back', () => {
    const challenges = new Challenges();
    const withdraw = challenges.add({
      type: 'http-01',
      token: 'token',
      keyAuthorization: 'token.thumbprint',
    });
    expect(challenges.keyAuthorizationFor('token')).toBe('token.thumbprint');
    withdraw();
    expect(challenges.keyAuthorizationFor('token')).toBeUndefined();
  });

  it('are only for clients that offer acme-tls/1 and nothing else', () => {
    const isValidatorWith = (...extensions: Extension[]): boolean => {
      const first = wholeHello(hello(extensions));
      return first?.kind === 'hello' && isValidator(first.hello);
    };
    expect(isValidatorWith(alpn('acme-tls/1'))).toBe(true);
    expect(isValidatorWith(alpn('acme-tls/1', 'h2'))).toBe(false);
    expect(isValidatorWith(alpn('acme-tls/2'))).toBe(false);
    expect(isValidatorWith(alpn('h2', 'acme-tl'))).toBe(false);
    expect(isValidatorWith()).toBe(false);
  });
});

describe('a validator on the routed port', () => {
  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'sees the challenge certificate over %s, and the application sees nothing',
    async (maxVersion) => {
      const server = await routed();
      const pair = await challengePair('rsa-2048');
      const withdraw = server.challenges.add({ type: 'tls-alpn-01', identifier: 'a.test', credential: pair });
      const seen = await handshake(server.port, {
        servername: 'a.test',
        ALPNProtocols: ['acme-tls/1'],
        maxVersion,
      });
      expect(seen).toMatchObject({
        fingerprint256: createCredential(pair).fingerprint256,
        protocol: 'acme-tls/1',
      });
      expect(server.secured).toEqual([]);
      withdraw();
      const answer = await exchange(
        server.port,
        await captureClientHello({ servername: 'a.test', ALPNProtocols: ['acme-tls/1'] }),
      );
      expect(answer.equals(alertRecord(UNRECOGNIZED_NAME))).toBe(true);
    },
  );

  it('that names nobody is refused', async () => {
    const server = await routed();
    const answer = await exchange(server.port, await captureClientHello({ ALPNProtocols: ['acme-tls/1'] }));
    expect(answer.equals(alertRecord(UNRECOGNIZED_NAME))).toBe(true);
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'sees a challenge certificate over %s that is open in another process, while clients cause no look-up',
    async (maxVersion) => {
      const server = await routed();
      const pair = await challengePair();
      const asked: ChallengeQuestion[] = [];
      server.challenges.addLookup((question) => {
        asked.push(question);
        const isKnown = question.type === 'tls-alpn-01' && question.identifier === 'a.test';
        return Promise.resolve(
          isKnown ? { type: 'tls-alpn-01', identifier: 'a.test', credential: pair } : undefined,
        );
      });
      await handshake(server.port, { servername: 'a.test', maxVersion });
      expect(asked).toEqual([]);
      const validator = { maxVersion, ALPNProtocols: ['acme-tls/1'] };
      expect(await handshake(server.port, { ...validator, servername: 'a.test' })).toMatchObject({
        fingerprint256: createCredential(pair).fingerprint256,
        protocol: 'acme-tls/1',
      });
      expect(asked).toEqual([{ type: 'tls-alpn-01', identifier: 'a.test' }]);
      const hello = await captureClientHello({ ...validator, servername: 'b.test' });
      expect((await exchange(server.port, hello)).equals(alertRecord(UNRECOGNIZED_NAME))).toBe(true);
    },
  );

  it('that breaks the handshake off, or stays, harms nobody', async () => {
    const server = await routed();
    server.challenges.add({ type: 'tls-alpn-01', identifier: 'a.test', credential: await challengePair() });
    const hello = await captureClientHello({ servername: 'a.test', ALPNProtocols: ['acme-tls/1'] });
    await exchange(server.port, Buffer.concat([hello, Buffer.from('garbage that is no record at all')]));
    expect((await handshake(server.port, { servername: 'a.test' })).fingerprint256).toBeDefined();
  });
});

describe('a validator in in-handshake mode', () => {
  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'sees the challenge certificate over %s while others see the real one',
    async (maxVersion) => {
      const { port, challenges, real } = await inHandshakeServer();
      const pair = await challengePair();
      const withdraw = challenges.add({ type: 'tls-alpn-01', identifier: 'a.test', credential: pair });
      const options = { servername: 'a.test', maxVersion };
      const validator = await handshake(port, { ...options, ALPNProtocols: ['acme-tls/1'] });
      expect(validator).toMatchObject({
        fingerprint256: createCredential(pair).fingerprint256,
        protocol: 'acme-tls/1',
      });
      expect((await handshake(port, { ...options, ALPNProtocols: ['http/1.1'] })).fingerprint256).toBe(real);
      withdraw();
      await expect(handshake(port, { ...options, ALPNProtocols: ['acme-tls/1'] })).rejects.toMatchObject({
        code: 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL',
      });
    },
  );

  it.each([true, false])(
    'does not wait over TLSv1.2 for the certificate that the challenge is for (unknown names refused: %s)',
    async (refusesUnknownNames) => {
      const { port, challenges } = await inHandshakeServer({
        refusesUnknownNames,
        resolve: (_, { mayWait }) => (mayWait ? new Promise(() => undefined) : Promise.resolve(undefined)),
      });
      const pair = await challengePair();
      challenges.add({ type: 'tls-alpn-01', identifier: 'a.test', credential: pair });
      const validator = { servername: 'a.test', ALPNProtocols: ['acme-tls/1'] };
      for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
        expect(await handshake(port, { ...validator, maxVersion })).toMatchObject({
          fingerprint256: createCredential(pair).fingerprint256,
        });
      }
    },
  );

  it('waits over TLSv1.3 for a challenge certificate that is open in another process', async () => {
    const { port, challenges } = await inHandshakeServer();
    const pair = await challengePair();
    challenges.addLookup((question) =>
      Promise.resolve(
        question.type === 'tls-alpn-01' && question.identifier === 'a.test'
          ? { type: 'tls-alpn-01', identifier: 'a.test', credential: pair }
          : undefined,
      ),
    );
    const validator = { servername: 'a.test', ALPNProtocols: ['acme-tls/1'] };
    expect(await handshake(port, validator)).toMatchObject({
      fingerprint256: createCredential(pair).fingerprint256,
      protocol: 'acme-tls/1',
    });
    const refused = { code: 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL' };
    await expect(handshake(port, { ...validator, maxVersion: 'TLSv1.2' })).rejects.toMatchObject(refused);
    // Without SNI there would be no second question, and the real certificate under `acme-tls/1`.
    await expect(handshake(port, { ALPNProtocols: ['acme-tls/1'] })).rejects.toMatchObject(refused);
    await expect(handshake(port, { ...validator, servername: 'b.test' })).rejects.toMatchObject({
      code: 'ECONNRESET',
    });
  });

  it('leaves clients without a known name with the default certificate', async () => {
    const { port, real } = await inHandshakeServer();
    expect((await handshake(port)).fingerprint256).toBe(real);
    expect((await handshake(port, { servername: 'fails.test' })).fingerprint256).toBe(real);
    expect((await handshake(port, { servername: 'unknown.test' })).fingerprint256).toBe(real);
  });

  it('turns away clients that ask for an unknown name, where that is wanted', async () => {
    const { port, real } = await inHandshakeServer({ refusesUnknownNames: true });
    await expect(handshake(port, { servername: 'unknown.test' })).rejects.toMatchObject({
      code: 'ECONNRESET',
    });
    expect((await handshake(port, { servername: 'a.test' })).fingerprint256).toBe(real);
    expect((await handshake(port)).fingerprint256).toBe(real);
  });

  it('has no certificate for clients without a name when there is no default', async () => {
    const { port } = await inHandshakeServer({ defaultCredential: undefined });
    await expect(handshake(port)).rejects.toMatchObject({
      code: expect.stringContaining('ALERT_HANDSHAKE_FAILURE') as unknown, // SSLV3 before OpenSSL 3.5, SSL/TLS since
    });
  });

  it('is refused by callbacks that node calls without a socket', () => {
    const options = inHandshakeOptions({
      ...partsOf(new Challenges()),
      defaultCredential: undefined,
      refusesUnknownNames: false,
    });
    const select = options.ALPNCallback as unknown as (hello: object) => string | undefined;
    expect(select({ servername: 'a.test', protocols: ['acme-tls/1'] })).toBeUndefined();
    expect(select({ servername: 'a.test', protocols: ['http/1.1'] })).toBe('http/1.1');
  });
});

async function routed(): Promise<RoutedServer> {
  const server = await routedServer([sourceOf(await credentialFor('a.test'))]);
  opened.push(server);
  return server;
}

async function challengePair(keyType: 'ecdsa-p256' | 'rsa-2048' = 'ecdsa-p256'): Promise<TestPair> {
  return (await testCa({ name: 'challenge' })).issue({ names: ['a.test'], keyType, issuer: 'self' });
}

function partsOf(
  challenges: Challenges,
): Omit<InHandshakeOptions, 'defaultCredential' | 'refusesUnknownNames'> {
  return {
    settings: SETTINGS,
    ticketKeys: new TicketKeys(manualClock(), 1_000),
    sessionIdContext: 'test',
    challenges,
    resolve: () => Promise.resolve(undefined),
    contextOf: ({ cert, key }) => createSecureContext({ cert, key }),
  };
}

async function inHandshakeServer(
  overrides: Partial<InHandshakeOptions> = {},
): Promise<{ port: number; challenges: Challenges; real: string }> {
  const challenges = new Challenges();
  const credential = await credentialFor('a.test');
  const context = createSecureContext({ cert: credential.cert, key: credential.key });
  const options = inHandshakeOptions({
    ...partsOf(challenges),
    resolve: (serverName) => {
      if (serverName === 'fails.test') return Promise.reject(new Error('resolver failed'));
      return Promise.resolve(serverName === 'a.test' ? context : undefined);
    },
    defaultCredential: credential,
    refusesUnknownNames: false,
    ...overrides,
  });
  const server = createServer(options);
  server.on('secureConnection', (socket) => socket.end());
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  opened.push(server);
  const { port } = server.address() as AddressInfo;
  return { port, challenges, real: credential.fingerprint256 };
}
