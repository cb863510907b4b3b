import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { folderNames, segmentOf } from '../../src/storage/storage-key.js';

const CHARACTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._*@+-';
const segment = fc
  .string({ unit: fc.constantFrom(...Array.from(CHARACTERS)), minLength: 1, maxLength: 200 })
  .filter((text) => text !== '.' && text !== '..');
const nameOf = (text: string) => folderNames(text)[0] ?? '';

describe('the folder name of a segment', () => {
  it('is safe on every file system, and gives the segment back', () => {
    fc.assert(
      fc.property(segment, (text) => {
        const name = nameOf(text);
        expect(segmentOf(name)).toBe(text);
        expect(name).toMatch(/^[a-z0-9._#@+=-]{1,255}$/);
        expect(name).not.toMatch(/^\.{1,2}$|\.$/);
      }),
    );
  });

  it('differs when only capitals differ, also where the file system folds case', () => {
    const names = ['ab', 'Ab', 'aB', 'AB'].map(nameOf);
    expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(4);
  });

  it('is the name itself for an ordinary name, and never a device of Windows', () => {
    expect(nameOf('www.example.com')).toBe('www.example.com');
    expect(nameOf('*.example.com')).toBe('#.example.com');
    expect(nameOf('aux.example.com')).toBe('=aux.example.com');
    expect(nameOf('example.')).toBe('example.=');
  });

  it('is not recognised when somebody else made it', () => {
    for (const name of [
      'Ab',
      'ab=',
      'ab=0',
      'ab=f',
      '=ab',
      '~changes',
      'a b',
      '..',
      '.',
      '0000000001~gen',
      '',
    ]) {
      expect(segmentOf(name)).toBeUndefined();
    }
  });
});
