import { describe, expect, it } from '@jest/globals';
import express from 'express';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { createSecureServer, memoryStorage, type SecureServerOptions, selfSigned } from '../src/index.js';
import { parseOptions } from '../src/parse-options.js';

const app = (): void => undefined;

describe('createSecureServer', () => {
  it.each<readonly [string, Record<string, unknown>]>([
    ['sources', { sources: [] }],
    ['sources[1]', { sources: [selfSigned(), {}] }],
    ['sources[0]', { sources: 'certs' }],
    ['sources[0]', { sources: { name: 'x', find: 7 } }],
    ['http', { http: 'yes' }],
    ['http.port', { http: 70_000 }],
    ['http.port', { http: { port: 1.5 } }],
    ['http.host', { http: { host: 7 } }],
    ['http.redirect', { http: { redirect: 303 } }],
    ['http.handler', { http: { handler: app } }],
    ['http.handler', { http: { redirect: false, handler: 'app' } }],
    ['http2', { http2: 'yes' }],
    ['plainHttp', { plainHttp: 'drop' }],
    ['unknownName', { unknownName: 'refuse' }],
    ['defaultName', { defaultName: '../x' }],
    ['defaultName', { defaultName: '*.a.test' }],
    ['defaultName', { defaultName: 7 }],
    ['tlsBaseline', { tlsBaseline: 'old' }],
    ['minVersion', { minVersion: 'TLSv1.1' }],
    ['minVersion', { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.2' }],
    ['ciphers', { ciphers: 'no-such-cipher' }],
    ['groups', { groups: [] }],
    ['groups', { groups: ['no-such-group'] }],
    ['publicUrl', { publicUrl: 'http://a.test' }],
    ['publicUrl', { publicUrl: 'a.test' }],
    ['hsts', { hsts: true }],
    ['hsts.maxAge', { hsts: { maxAge: -1 } }],
    ['hsts.maxAge', { hsts: { maxAge: 1.5 } }],
    ['hsts.includeSubDomains', { hsts: { includeSubDomains: 'yes' } }],
    ['hsts.preload', { hsts: { preload: true } }],
    ['hsts.preload', { hsts: { preload: true, includeSubDomains: true, maxAge: 86_400 } }],
    ['hsts.max-age', { hsts: { 'max-age': 1 } }],
    ['trustProxy', { trustProxy: true }],
    ['trustProxy[0]', { trustProxy: ['loopback'] }],
    ['allowPeers', { allowPeers: [] }],
    ['allowPeers', { allowPeers: '10.0.0.0/8' }],
    ['allowPeers[1]', { allowPeers: ['10.0.0.0/8', '10.0.0.0/33'] }],
    ['allowPeers[0]', { allowPeers: [7] }],
    ['proxyProtocol', { proxyProtocol: true }],
    ['proxyProtocol', { proxyProtocol: ['10.0.0.1'] }],
    ['proxyProtocol.from', { proxyProtocol: {} }],
    ['proxyProtocol.from[0]', { proxyProtocol: { from: ['proxy.test'] } }],
    ['proxyProtocol.form', { proxyProtocol: { form: ['10.0.0.1'] } }],
    ['storage', { storage: {} }],
    ['strict', { strict: 1 }],
    ['sessionTickets', { sessionTickets: true }],
    ['sessionTickets.rotateEveryMs', { sessionTickets: { rotateEveryMs: 10 } }],
    ['handshakeTimeoutMs', { handshakeTimeoutMs: 0 }],
    ['handshakeTimeoutMs', { handshakeTimeoutMs: 2 ** 31 }],
    ['logger', { logger: {} }],
    ['clock', { clock: {} }],
    ['clientAuth', { clientAuth: true }],
    ['clientAuth', { clientAuth: null }],
    ['clientAuth.mode', { clientAuth: {} }],
    ['clientAuth.mode', { clientAuth: { mode: 'optional' } }],
    ['clientAuth.ca', { clientAuth: { mode: 'require' } }],
    ['clientAuth.ca', { clientAuth: { mode: 'require', ca: '' } }],
    ['clientAuth.ca', { clientAuth: { mode: 'require', ca: [] } }],
    ['clientAuth.ca', { clientAuth: { mode: 'require', ca: 7 } }],
    ['clientAuth.ca', { clientAuth: { mode: 'require', ca: ['system', ''] } }],
    ['clientAuth.caFile', { clientAuth: { mode: 'require', caFile: [''] } }],
    ['clientAuth.crl', { clientAuth: { mode: 'request', crl: 'x' } }],
    ['clientAuth.crlFile', { clientAuth: { mode: 'request', ca: 'x', crlFile: 7 } }],
    ['clientAuth.allow', { clientAuth: { mode: 'request', allow: () => true } }],
    ['clientAuth.allow', { clientAuth: { mode: 'request', ca: 'x', allow: 'x' } }],
    ['clientAuth.cafile', { clientAuth: { mode: 'request', cafile: 'x' } }],
    ["policies['a.test'].clientAuth", { policies: { 'a.test': { clientAuth: true } } }],
    ["policies['a.test'].clientAuth.ca", { policies: { 'a.test': { clientAuth: { mode: 'require' } } } }],
    ['http.redirect', { http: { redirect: false }, clientAuth: { mode: 'request' } }],
    [
      'http.redirect',
      { http: { redirect: false }, policies: { 'a.test': { clientAuth: { mode: 'request' } } } },
    ],
    ['policies', { policies: [] }],
    ['policies', { policies: null }],
    ['policies', { policies: { '192.0.2.1': {} } }],
    ['policies', { policies: { 'a b.test': {} } }],
    ['policies', { policies: { '*.*.test': {} } }],
    ['policies', { policies: { 'a.test': {}, 'A.test.': {} } }],
    ["policies['a.test']", { policies: { 'a.test': null } }],
    ["policies['a.test'].minversion", { policies: { 'a.test': { minversion: 'TLSv1.3' } } }],
    ["policies['a.test'].sources", { policies: { 'a.test': { sources: [] } } }],
    ["policies['a.test'].minVersion", { policies: { 'a.test': { minVersion: 'TLSv1.1' } } }],
    [
      "policies['a.test'].minVersion",
      { maxVersion: 'TLSv1.2', policies: { 'a.test': { minVersion: 'TLSv1.3' } } },
    ],
    [
      "policies['a.test'].maxVersion",
      { tlsBaseline: 'modern', policies: { 'a.test': { maxVersion: 'TLSv1.2' } } },
    ],
    ["policies['a.test'].ciphers", { policies: { 'a.test': { ciphers: 'no-such-cipher' } } }],
    ["policies['a.test'].groups", { policies: { 'a.test': { groups: [] } } }],
    ["policies['a.test'].handshakeTimeoutMs", { policies: { 'a.test': { handshakeTimeoutMs: 0 } } }],
    ["policies['a.test'].sessionTickets", { policies: { 'a.test': { sessionTickets: {} } } }],
    ['nosuch', { nosuch: 1 }],
    ['http', { http: null }],
    ['http', { http: [] }],
    ['http.foo', { http: { foo: 1 } }],
    ['plainHttp', { plainHttp: null }],
    ['unknownName', { unknownName: null }],
    ['tlsBaseline', { tlsBaseline: null }],
    ['maxVersion', { tlsBaseline: 'modern', maxVersion: 'TLSv1.2' }],
    ['tlsBaseline', { tlsBaseline: 'modern', maxVersion: 'TLSv1.2' }],
    ['ciphers', { ciphers: '' }],
    ['ciphers', { ciphers: null }],
    ['ciphers', { ciphers: 7 }],
    ['groups', { groups: [''] }],
    ['groups', { groups: 'X25519' }],
    ['storage', { storage: null }],
    ['storage', { storage: { ...memoryStorage(), list: undefined } }],
    ['sessionTickets', { sessionTickets: null }],
    ['sessionTickets', { sessionTickets: [] }],
    ['sessionTickets.rotateMs', { sessionTickets: { rotateMs: 5_000 } }],
    ['sessionTickets.rotateEveryMs', { sessionTickets: { rotateEveryMs: null } }],
    ['handshakeTimeoutMs', { handshakeTimeoutMs: null }],
    ['logger', { logger: null }],
    ['logger', { logger: true }],
    ['clock', { clock: null }],
  ])('names the option that is misused: %s in %j', (name, options) => {
    expect(() => createSecureServer(options, app)).toThrow(TypeError);
    expect(() => createSecureServer(options, app)).toThrow(`\`${name}\``);
  });

  it.each([['443'], [null], [[]], [app]])('refuses options that are no object: %p', (options) => {
    expect(() => createSecureServer(options as never)).toThrow(TypeError);
    expect(() => createSecureServer(options as never)).toThrow(/options must be an object/);
  });

  it('suggests the name that was probably meant', () => {
    expect(() => createSecureServer({ sorces: [] } as never)).toThrow(/Did you mean `sources`\?/);
    expect(() => createSecureServer({ minversion: 'TLSv1.3' } as never)).toThrow(
      /Did you mean `minVersion`\?/,
    );
    expect(() => createSecureServer({ http: { prot: 80 } } as never)).toThrow(/Did you mean `http\.port`\?/);
    expect(() => createSecureServer({ certificate: 'a.pem' } as never)).toThrow(
      /there is no option `certificate`\.$/,
    );
  });

  it.each(['warn', 'isLevelEnabled'])('blames a logger whose %s cannot even be read', (member) => {
    const log = (): void => undefined;
    const logger = { debug: log, info: log, warn: log, error: log };
    Object.defineProperty(logger, member, {
      get: () => {
        throw new Error('not today');
      },
    });
    expect(() => createSecureServer({ logger }, app)).toThrow(TypeError);
    expect(() => createSecureServer({ logger }, app)).toThrow(/`logger`.*not today/);
  });

  it('blames the highest version, not the lowest, when the baseline has set the lowest', () => {
    const options = { tlsBaseline: 'modern', maxVersion: 'TLSv1.2' } as const;
    expect(() => parseOptions(options)).toThrow(/^(?!.*minVersion).*maxVersion/);
    expect(() => parseOptions({ ...options, minVersion: 'TLSv1.2' })).not.toThrow();
  });

  it('refuses HTTP/2 for Express, and says why', () => {
    expect(() => createSecureServer({ http2: true, logger: false }, express())).toThrow(
      /Express cannot serve HTTP\/2/,
    );
    expect(() => createSecureServer({ logger: false }, express())).not.toThrow();
  });

  it('refuses servers that TLS cannot be put in front of', () => {
    expect(() => createSecureServer({ logger: false }, createServer() as never)).toThrow(/attach/);
    expect(() => createSecureServer({ logger: false }, {} as never)).toThrow(/attach/);
  });

  it('refuses a server that asks its clients for certificates, which it would no longer do', () => {
    const server = createTlsServer({ requestCert: true });
    expect(() => createSecureServer({ logger: false }, server)).toThrow(/requestCert/);
    expect(server.listenerCount('connection')).toBe(1);
  });

  it('refuses a server whose connections something else has taken over', () => {
    const server = createHttpServer();
    createSecureServer({ logger: false }, server);
    expect(() => createSecureServer({ logger: false }, server)).toThrow(/already taken over/);
  });

  it('changes nothing in the options it was given', () => {
    const options: SecureServerOptions = Object.freeze({
      sources: Object.freeze([selfSigned()]),
      http: Object.freeze({ port: 0 }),
      sessionTickets: Object.freeze({}),
      storage: memoryStorage(),
    });
    expect(() => createSecureServer(options, app)).not.toThrow();
  });

  it('says in one line that it serves a self-signed certificate when no sources are given', () => {
    const lines: string[] = [];
    const log = (_facts: object, message: string): unknown => lines.push(message);
    createSecureServer({ logger: { debug: log, info: log, warn: log, error: log } }, app);
    expect(lines).toEqual([expect.stringContaining('self-signed')]);
  });
});

describe('the options', () => {
  it('have the defaults that docs and types promise', () => {
    expect(parseOptions({})).toMatchObject({
      http: undefined,
      isHttp2: false,
      plainHttp: 'explain',
      refusesUnknownNames: false,
      isStrict: false,
      rotateTicketKeysEveryMs: 43_200_000,
      logsHandshakes: false,
      tls: {
        minVersion: 'TLSv1.2',
        maxVersion: 'TLSv1.3',
        handshakeTimeoutMs: 10_000,
        hasSessionTickets: true,
      },
    });
  });

  it('take the companion listener as true, a port, or an object, and -1 as off', () => {
    expect(parseOptions({ http: true }).http).toMatchObject({ port: 80, redirect: 308 });
    expect(parseOptions({ http: 0 }).http).toMatchObject({ port: 0 });
    expect(parseOptions({ http: { redirect: 301 } }).http).toMatchObject({ port: 80, redirect: 301 });
    expect(parseOptions({ http: -1 }).http).toBeUndefined();
    expect(parseOptions({ http: { port: -1 } }).http).toBeUndefined();
  });

  it('take a logger whose level cannot be asked for as one that wants everything', () => {
    const log = (): void => undefined;
    const isLevelEnabled = (): never => {
      throw new Error('not today');
    };
    const logger = { debug: log, info: log, warn: log, error: log, isLevelEnabled };
    expect(parseOptions({ logger }).logsHandshakes).toBe(true);
  });

  it('take a default name in any spelling', () => {
    expect(parseOptions({ defaultName: 'M\u00fcnchen.Test.' }).defaultName).toBe('xn--mnchen-3ya.test');
    expect(parseOptions({ defaultName: '[::1]' }).defaultName).toBe('::1');
  });

  it('take Mozilla\u2019s modern baseline, and single parameters over it', () => {
    expect(parseOptions({ tlsBaseline: 'modern' }).tls).toMatchObject({ minVersion: 'TLSv1.3' });
    expect(
      parseOptions({ maxVersion: 'TLSv1.2', groups: ['P-256'], ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' })
        .tls,
    ).toMatchObject({
      maxVersion: 'TLSv1.2',
      groups: 'P-256',
      ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256',
    });
  });

  it('compute facts about each handshake only for loggers that want them', () => {
    const log = (): void => undefined;
    const logger = { debug: log, info: log, warn: log, error: log };
    expect(parseOptions({ logger }).logsHandshakes).toBe(true);
    expect(parseOptions({ logger: { ...logger, isLevelEnabled: () => false } as never }).logsHandshakes).toBe(
      false,
    );
    expect(parseOptions({ logger: false }).logsHandshakes).toBe(false);
  });
});
