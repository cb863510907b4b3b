import { describe, expect, it } from '@jest/globals';
import {
  MOST_UNSECURED,
  MOST_UNSECURED_OF_AN_ADDRESS,
  UnsecuredConnections,
} from '../../src/handshake/unsecured-connections.js';

/** So many connections, each from an address that `addressOf` gives it; answers who had to make room. */
function filled(count: number, addressOf: (index: number) => string | undefined) {
  const connections = new UnsecuredConnections<number>();
  const evicted: (number | undefined)[] = [];
  for (let index = 0; index < count; index += 1) {
    const victim = connections.enter(index, addressOf(index));
    if (victim !== undefined) evicted.push(victim);
  }
  return { connections, evicted };
}

describe('Connections without a complete handshake', () => {
  it('of one address are bounded, and its oldest makes room', () => {
    const { connections, evicted } = filled(MOST_UNSECURED_OF_AN_ADDRESS + 3, () => 'one');
    expect(evicted).toEqual([0, 1, 2]);
    expect(connections.size).toBe(MOST_UNSECURED_OF_AN_ADDRESS);
  });

  it('of one address never make those of another leave', () => {
    const { connections, evicted } = filled(MOST_UNSECURED_OF_AN_ADDRESS + 9, (index) =>
      index < 5 ? 'other' : 'one',
    );
    expect(evicted).toEqual([5, 6, 7, 8]);
    expect(connections.size).toBe(MOST_UNSECURED_OF_AN_ADDRESS + 5);
  });

  it('of many addresses are bounded together, and the oldest of all makes room', () => {
    const { connections, evicted } = filled(MOST_UNSECURED + 2, (index) => `address ${index % 1_000}`);
    expect(evicted).toEqual([0, 1]);
    expect(connections.size).toBe(MOST_UNSECURED);
  });

  it('without an address, as on a unix socket, count as one', () => {
    expect(filled(MOST_UNSECURED_OF_AN_ADDRESS + 1, () => undefined).evicted).toEqual([0]);
  });

  it('that have left make room for others', () => {
    const { connections } = filled(MOST_UNSECURED_OF_AN_ADDRESS, () => 'one');
    connections.leave(0);
    connections.leave(0);
    expect(connections.enter(-1, 'one')).toBeUndefined();
    expect(connections.enter(-2, 'one')).toBe(1);
    for (const gone of [2, 2, 3]) connections.leave(gone);
    expect(connections.enter(-3, 'one')).toBeUndefined();
    expect(connections.enter(-4, 'one')).toBeUndefined();
    expect(connections.enter(-5, 'one')).toBe(4);
  });

  it('of an address that comes and goes are not remembered', () => {
    const { connections } = filled(MOST_UNSECURED_OF_AN_ADDRESS + 1, (index) => `address ${index % 2}`);
    for (let turn = 1; turn <= MOST_UNSECURED_OF_AN_ADDRESS + 1; turn += 1) {
      expect(connections.enter(-turn, 'guest')).toBeUndefined();
      connections.leave(-turn);
      connections.leave(-turn);
    }
    expect(connections.size).toBe(MOST_UNSECURED_OF_AN_ADDRESS + 1);
  });

  it('are counted anew when they were few for a time', () => {
    const { connections } = filled(MOST_UNSECURED_OF_AN_ADDRESS + 1, (index) => `address ${index % 2}`);
    for (let index = 0; index < MOST_UNSECURED_OF_AN_ADDRESS + 1; index += 1) connections.leave(index);
    expect(connections.size).toBe(0);
    for (let index = 0; index < MOST_UNSECURED_OF_AN_ADDRESS; index += 1)
      expect(connections.enter(index, 'one')).toBeUndefined();
    expect(connections.enter(-1, 'one')).toBe(0);
  });
});
