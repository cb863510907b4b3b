import { describe, expect, it } from '@jest/globals';
import { nearestName } from '../src/nearest-name.js';

const KNOWN = ['sources', 'http', 'http2', 'minVersion', 'maxVersion'];

describe('the nearest known name', () => {
  it.each([
    ['source', 'sources'],
    ['suorces', 'sources'],
    ['http22', 'http2'],
    ['htpt', 'http'],
    ['MINVERSION', 'minVersion'],
    ['maxVerison', 'maxVersion'],
    ['mxVrsion', 'maxVersion'],
  ])('to %s is %s', (name, nearest) => {
    expect(nearestName(name, KNOWN)).toBe(nearest);
  });

  it.each(['hsts', 'certificate', '', 'x'])('to %p is nothing: too far from all', (name) => {
    expect(nearestName(name, KNOWN)).toBeUndefined();
  });

  it('is none of none', () => {
    expect(nearestName('http', [])).toBeUndefined();
  });

  it('is not looked for when the name is too long to be a slip', () => {
    expect(nearestName('x'.repeat(1_000_000), KNOWN)).toBeUndefined();
  });
});
