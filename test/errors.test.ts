import { describe, expect, it } from '@jest/globals';
import { codeOf, isTlsmithError, messageOf, TlsmithError } from '../src/errors.js';
import { asTlsmithError } from '../src/reporter.js';

const throwing = (): never => {
  throw new Error('objection');
};

const unprintable: readonly (readonly [string, unknown])[] = [
  ['an object without prototype', Object.create(null)],
  ['an error whose message throws', Object.defineProperty(new Error(), 'message', { get: throwing })],
  ['an object whose message cannot be text', { message: { toString: throwing } }],
  ['a proxy that objects to everything', new Proxy({}, { has: throwing, get: throwing })],
];

describe('what is thrown', () => {
  it.each(unprintable)('may be %s: it has a message, and nothing is thrown again', (_what, thrown) => {
    expect(messageOf(thrown)).toBe('an error that cannot be printed');
    expect(codeOf(thrown)).toBeUndefined();
    expect(isTlsmithError(thrown)).toBe(false);
    expect(asTlsmithError(thrown, 'SOURCE_FAILED').code).toBe('SOURCE_FAILED');
  });

  it('may have a code that throws, which is none', () => {
    expect(codeOf(Object.defineProperty({}, 'code', { get: throwing }))).toBeUndefined();
    expect(codeOf({ code: 7 })).toBeUndefined();
    expect(codeOf({ code: 'ENOENT' })).toBe('ENOENT');
  });

  it('may be no error at all', () => {
    expect(messageOf('text')).toBe('text');
    expect(messageOf(undefined)).toBe('undefined');
    expect(messageOf(Symbol('mark'))).toBe('Symbol(mark)');
  });
});

describe('an error as a coded one', () => {
  it('keeps its code when it comes from the other copy of the package', () => {
    const foreign = Object.assign(new Error('taken'), { code: 'PORT_IN_USE' });
    Object.defineProperty(foreign, Symbol.for('tlsmith.error'), { value: true });
    expect(asTlsmithError(foreign, 'LISTEN_FAILED')).toBe(foreign);
    const own = new TlsmithError('PORT_IN_USE', 'taken');
    expect(asTlsmithError(own, 'LISTEN_FAILED')).toBe(own);
  });

  it('gets one when it has none, and keeps its origin', () => {
    const cause = new Error('down');
    expect(asTlsmithError(cause, 'SOURCE_FAILED')).toMatchObject({
      code: 'SOURCE_FAILED',
      message: 'down',
      cause,
    });
  });
});
