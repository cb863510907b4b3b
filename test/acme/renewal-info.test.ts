// What an authority says of when to renew (RFC 9773 §4.2), read without trust.
import { describe, expect, it } from '@jest/globals';
import { parseRenewalInfo } from '../../src/acme/renewal-info.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const NOW = Date.parse('2026-11-20T12:00:00Z');
const window = { start: '2026-12-01T00:00:00Z', end: '2026-12-02T00:00:00Z' };

function parsed(data: unknown, headers: Record<string, string> = {}) {
  return parseRenewalInfo({ status: 200, headers, data }, NOW);
}

describe('A renewal window', () => {
  it('has a start, an end, and a page that says why', () => {
    const explanationURL = 'https://ca.test/why?id=1';
    expect(parsed({ suggestedWindow: window, explanationURL })).toEqual({
      start: Date.parse(window.start),
      end: Date.parse(window.end),
      explanationUrl: explanationURL,
      askAgainAt: NOW + 6 * HOUR_MS,
    });
  });

  it.each<[string, unknown]>([
    ['ends before it begins', { suggestedWindow: { start: window.end, end: window.start } }],
    ['ends when it begins', { suggestedWindow: { start: window.start, end: window.start } }],
    ['has no end', { suggestedWindow: { start: window.start } }],
    ['is no date', { suggestedWindow: { start: 'soon', end: 'later' } }],
    ['is a number', { suggestedWindow: { start: 1, end: 2 } }],
    ['is null', { suggestedWindow: null }],
    ['is missing', {}],
    ['is text', '<html>'],
    ['is nothing', null],
  ])('that %s is none', (_, data) => {
    expect(() => parsed(data)).toThrow(expect.objectContaining({ code: 'ACME_RESPONSE_INVALID' }));
  });

  it.each(['javascript:alert(1)', 'https://ca.test/a b', 'https://ca.test/\n', 7, ''])(
    'comes without a page when that is %j',
    (explanationURL) => {
      expect(parsed({ suggestedWindow: window, explanationURL }).explanationUrl).toBeUndefined();
    },
  );
});

describe('The next question comes', () => {
  it.each([
    ['21600', 6 * HOUR_MS],
    ['90', 90_000],
    ['1', MINUTE_MS],
    ['0', MINUTE_MS],
    ['604800', 24 * HOUR_MS],
    ['99999999999999999999', 24 * HOUR_MS],
    ['Fri, 20 Nov 2026 13:00:00 GMT', HOUR_MS],
    ['Thu, 19 Nov 2026 13:00:00 GMT', MINUTE_MS],
    ['soon', 6 * HOUR_MS],
    ['-5', 6 * HOUR_MS],
    ['', 6 * HOUR_MS],
  ])('after Retry-After: %s, between a minute and a day', (retryAfter, waitMs) => {
    expect(parsed({ suggestedWindow: window }, { 'retry-after': retryAfter }).askAgainAt - NOW).toBe(waitMs);
  });

  it('after six hours without it', () => {
    expect(parsed({ suggestedWindow: window }).askAgainAt - NOW).toBe(6 * HOUR_MS);
  });
});

describe('The clock of the authority', () => {
  it.each([
    ['Fri, 20 Nov 2026 14:00:00 GMT', 2 * HOUR_MS],
    ['Fri, 20 Nov 2026 11:00:00 GMT', -HOUR_MS],
    ['Fri, 20 Nov 2026 12:00:59 GMT', undefined],
    ['Fri, 20 Nov 2026 11:59:01 GMT', undefined],
    ['today', undefined],
  ])('shows by Date: %s', (date, clockAheadMs) => {
    expect(parsed({ suggestedWindow: window }, { date }).clockAheadMs).toBe(clockAheadMs);
  });
});
