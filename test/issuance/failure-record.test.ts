import { describe, expect, it } from '@jest/globals';
import { TlsmithError } from '../../src/errors.js';
import {
  afterRestart,
  asIssuanceError,
  decodeFailure,
  encodeFailure,
  errorOf,
  rebased,
  recordFailure,
} from '../../src/issuance/failure-record.js';

const NOW = 1_800_000_000_000;
const DAY = 86_400_000;
const first = (facts: object = {}): ReturnType<typeof recordFailure> =>
  recordFailure({
    error: new TlsmithError('ISSUANCE_FAILED', 'the CA is down', { ...facts }),
    now: NOW,
    before: undefined,
    liveUntil: undefined,
  });

describe('a failure record', () => {
  it('comes back from its stored form as it was', () => {
    const record = first({ retryAfter: NOW + DAY, isPermanent: true });
    expect(decodeFailure(encodeFailure(record))).toEqual(record);
  });

  it.each([
    '',
    'null',
    '[]',
    '{"format":1}',
    '{"format":2,"attempts":1}',
    '{"format":1,"attempts":"9"',
    '\u0000\u00ff',
  ])('that is damaged (%j) counts as none', (text) => {
    expect(decodeFailure(Buffer.from(text))).toBeUndefined();
  });

  it('counts on from the one before and remembers when the row began', () => {
    const error = new TlsmithError('ISSUANCE_FAILED', 'still down');
    const second = recordFailure({ error, now: NOW + 60_000, before: first(), liveUntil: undefined });
    expect(second).toMatchObject({ attempts: 2, failingSince: NOW, failedAt: NOW + 60_000 });
  });

  it('moves with a clock that is set back by a year', () => {
    const record = rebased(first({ retryAfter: NOW + DAY }), NOW - 365 * DAY);
    expect(record.nextAttempt).toBe(NOW - 364 * DAY);
    expect(record.retryAfter).toBe(NOW - 364 * DAY);
    expect(rebased(record, NOW)).toBe(record);
  });

  it('of a failure that no retry can mend climbs the ladder again after a restart', () => {
    const record = afterRestart(first({ isPermanent: true }));
    expect(record.isPermanent).toBe(false);
    expect(record.nextAttempt).toBeLessThan(NOW + 120_000);
  });

  it('becomes the error it was made from, with its code', () => {
    expect(errorOf(first({ retryAfter: NOW + DAY }), ['a.test'])).toMatchObject({
      code: 'ISSUANCE_FAILED',
      message: 'the CA is down',
      retryAfter: NOW + DAY,
    });
  });
});

describe('asIssuanceError', () => {
  it('keeps what matters of any error', () => {
    const cause = Object.assign(new Error('refused'), {
      code: 'ECONNREFUSED',
      retryAfter: NOW,
      isPermanent: true,
    });
    expect(asIssuanceError(cause, ['a.test'])).toMatchObject({
      code: 'ISSUANCE_FAILED',
      causeCode: 'ECONNREFUSED',
      retryAfter: NOW,
      isPermanent: true,
      cause,
    });
  });

  it.each([undefined, null, 'text', 7])('makes an error of %p', (thrown) => {
    expect(asIssuanceError(thrown, ['a.test']).code).toBe('ISSUANCE_FAILED');
  });
});
