// Problem documents as errors: the authority's own words, a code that says whose fault it is, and nothing secret.
import { describe, expect, it } from '@jest/globals';
import { parseProblem, responseError } from '../../src/acme/problem.js';
import type { TlsmithError } from '../../src/errors.js';

const NOW = Date.parse('2026-11-20T12:00:00Z');

function errorFor(
  type: string,
  { detail = 'the reason', status = 400, headers = {}, subproblems = [] as object[] } = {},
): TlsmithError {
  const data = { type: `urn:ietf:params:acme:error:${type}`, detail, subproblems };
  return responseError(
    { status, headers, data },
    { doing: 'to take an order for a.test', names: ['a.test'], now: NOW },
  );
}

describe('A problem document', () => {
  it('becomes an error with what was attempted, the words and the type', () => {
    const error = errorFor('malformed', { detail: 'JWS verification error.' });
    expect(error.message).toBe(
      'The certificate authority refused to take an order for a.test: JWS verification error (malformed).',
    );
    expect(error).toMatchObject({
      code: 'ACME_REFUSED',
      problemType: 'malformed',
      status: 400,
      names: ['a.test'],
    });
  });

  it.each([
    ['rateLimited', 'ACME_RATE_LIMITED', undefined],
    ['rejectedIdentifier', 'ACME_IDENTIFIER_REJECTED', true],
    ['unsupportedIdentifier', 'ACME_IDENTIFIER_REJECTED', true],
    ['externalAccountRequired', 'ACME_ACCOUNT_REFUSED', true],
    ['userActionRequired', 'ACME_ACCOUNT_REFUSED', true],
    ['badCSR', 'ACME_REFUSED', true],
    ['unauthorized', 'ACME_REFUSED', undefined],
    ['accountDoesNotExist', 'ACME_ACCOUNT_MISSING', undefined],
    ['caa', 'ACME_CAA', undefined],
    ['dns', 'ACME_DNS', undefined],
    ['connection', 'ACME_CONNECTION', undefined],
    ['serverInternal', 'ACME_SERVER_ERROR', undefined],
    ['constructor', 'ACME_REFUSED', undefined],
  ])('of type %s has the code %s', (type, code, isPermanent) => {
    const error = errorFor(type);
    expect(error.code).toBe(code);
    expect(error['isPermanent']).toBe(isPermanent);
  });

  it('tells of every name that it names', () => {
    const subproblems = [
      {
        type: 'urn:ietf:params:acme:error:caa',
        detail: 'CAA forbids',
        identifier: { type: 'dns', value: 'b.test' },
      },
    ];
    const error = errorFor('compound', { subproblems });
    expect(error.message).toContain('b.test: CAA forbids');
    expect(error['subproblems']).toEqual([{ identifier: 'b.test', type: 'caa', detail: 'CAA forbids' }]);
  });

  it('with a time to come back says so as a fact and in words', () => {
    const error = errorFor('rateLimited', { status: 429, headers: { 'retry-after': '3600' } });
    expect(error['retryAfter']).toBe(NOW + 3_600_000);
    expect(error.message).toContain('2026-11-20T13:00:00.000Z');
  });

  it('that pauses the account is told apart, with its link', () => {
    const link = 'https://portal.example/sfe/v1/unpause?jwt=x';
    const error = errorFor('rateLimited', { detail: `Please visit: ${link}`, status: 429 });
    expect(error).toMatchObject({ code: 'ACME_PAUSED', isHeld: true });
    expect(error.message).toContain(link);
  });

  it('does not carry a key authorization, a line break or a novel into the log', () => {
    const keyAuthorization = `${'t'.repeat(43)}.${'k'.repeat(43)}`;
    const { message } = errorFor('unauthorized', {
      detail: `Expected ${keyAuthorization}\r\n\u001b[31mforged line ${'x'.repeat(5_000)}`,
    });
    expect(message).not.toContain(keyAuthorization);
    expect(Array.from(message).filter((character) => character < ' ')).toEqual([]);
    expect(message.length).toBeLessThan(2_000);
  });

  it.each([null, 'text', 42, [], {}, { type: 7 }, { detail: 'x' }])('is none when it is %j', (value) => {
    expect(parseProblem(value)).toBeUndefined();
  });

  it.each([
    [500, 'ACME_SERVER_ERROR'],
    [503, 'ACME_SERVER_ERROR'],
    [429, 'ACME_RATE_LIMITED'],
    [404, 'ACME_REFUSED'],
  ])('that is missing is told by the status %i', (status, code) => {
    const error = responseError({ status, headers: {}, data: '<html>' }, { doing: 'x', now: NOW });
    expect(error.code).toBe(code);
    expect(error.message).toContain(`HTTP status ${status}`);
  });

  it('survives whatever stands in its fields', () => {
    const data = {
      type: 'x',
      detail: { a: 1 },
      subproblems: [null, 3, { identifier: null }, { detail: [] }],
    };
    expect(() => responseError({ status: 400, headers: {}, data }, { doing: 'x', now: NOW })).not.toThrow();
  });
});
