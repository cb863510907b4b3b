import { describe, expect, it } from '@jest/globals';
import { soughtFiles, type SoughtIn } from '../../../src/sources/directory/sought-files.js';

const FOLDER: SoughtIn = { path: '/etc/certs', defaultName: 'default', lookup: true };

describe('what a directory has looked for', () => {
  it('are the files that a pair for the name or its wildcard is called by, and whatever names it', () => {
    expect(soughtFiles('www.a.test', FOLDER)).toBe(
      'looked in /etc/certs for www.a.test.crt, www.a.test.pem, www.a.test/fullchain.pem, _wildcard.a.test.crt, _wildcard.a.test.pem, and for the name in all other certificates there',
    );
  });

  it.each([['192.0.2.7'], ['2001:db8::7'], ['localhost']])('is no wildcard for %s', (name) => {
    expect(soughtFiles(name, FOLDER)).toBe(
      `looked in /etc/certs for ${name}.crt, ${name}.pem, ${name}/fullchain.pem, and for the name in all other certificates there`,
    );
  });

  it('is the default pair alone where nothing else is looked up', () => {
    expect(soughtFiles('a.test', { ...FOLDER, lookup: false })).toBe(
      '/etc/certs was only asked for the pair default (lookup: false)',
    );
  });

  it('is told with the absolute path of the folder', () => {
    expect(soughtFiles('a.test', { ...FOLDER, path: 'certs' })).toContain(
      `looked in ${process.cwd()}/certs for `,
    );
  });

  it('is short for the longest name that a stranger may send', () => {
    const longest = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(61)}`;
    const text = soughtFiles(longest, FOLDER);
    expect(text.length).toBeLessThan(600);
    expect(text).toContain(`${'a'.repeat(63)}.….crt`);
  });
});
