/** What a storage promises about its watch, if it has one. */
import { deepEqual, equal } from 'node:assert/strict';
import { bytesOf, eventually, type Promised, rejectsWith } from './conformance-case.js';

/** Cases about watching; they pass for a storage without `watch`. */
export const storedWatches: Promised[] = [
  {
    name: 'tells a watch of writes and deletions by any handle, under its prefix alone',
    async check({ storage, another }) {
      await storage.put('a/old', bytesOf('1'));
      const heard: string[] = [];
      const stop = storage.watch?.('a/', (key) => heard.push(key));
      if (stop === undefined) return;
      const other = await another();
      await storage.put('b/elsewhere', bytesOf('1'));
      await storage.put('a/own', bytesOf('1'));
      await eventually(() => heard.includes('a/own'), 'to hear of a write of its own');
      await other.put('a/other', bytesOf('1'));
      await eventually(() => heard.includes('a/other'), 'to hear of a write of another');
      await other.delete('a/own');
      await eventually(() => heard.filter((key) => key === 'a/own').length >= 2, 'to hear of a deletion');
      stop();
      deepEqual([...new Set(heard)].sort(), ['a/other', 'a/own']);
    },
  },
  {
    name: 'tells a watch nothing more once it was stopped, and survives its exceptions',
    async check({ storage }) {
      const heard: string[] = [];
      const stop = storage.watch?.('', (key) => {
        heard.push(key);
        throw new Error('a listener that fails');
      });
      const stopOther = storage.watch?.('', () => undefined);
      if (stop === undefined || stopOther === undefined) return;
      await storage.put('one', bytesOf('1'));
      await eventually(() => heard.length === 1, 'to hear of the first');
      await storage.put('two', bytesOf('1'));
      await eventually(() => heard.length === 2, 'to hear of the second although the listener threw');
      stop();
      const stillHeard: string[] = [];
      const stopWitness = storage.watch?.('', (key) => stillHeard.push(key));
      await storage.put('three', bytesOf('1'));
      await eventually(() => stillHeard.includes('three'), 'to hear of the third');
      stopWitness?.();
      stopOther();
      deepEqual(heard, ['one', 'two']);
    },
  },
  {
    name: 'tells a watch nothing of a write that was refused',
    async check({ storage }) {
      const heard: string[] = [];
      await storage.put('k', bytesOf('1'));
      const stop = storage.watch?.('', (key) => heard.push(key));
      await rejectsWith('STORAGE_VERSION_CONFLICT', storage.put('k', bytesOf('2'), { ifVersion: null }));
      await storage.put('done', bytesOf('1'));
      if (stop !== undefined)
        await eventually(() => heard.includes('done'), 'to hear of the write that was taken');
      stop?.();
      equal(heard.includes('k'), false);
    },
  },
];
