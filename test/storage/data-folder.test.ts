import { describe, expect, it } from '@jest/globals';
import { defaultDataFolder } from '../../src/storage/data-folder.js';
import { fileStorage } from '../../src/storage/file-storage.js';
import { temporaryFolder } from './temporary-folder.js';

const home = () => '/home/me';

describe('the default folder', () => {
  it('is where each system keeps the data of a user', () => {
    const xdg = { XDG_DATA_HOME: '/data' };
    expect(defaultDataFolder({ platform: 'linux', env: {}, home })).toBe('/home/me/.local/share/tlsmith');
    expect(defaultDataFolder({ platform: 'linux', env: xdg, home })).toBe('/data/tlsmith');
    expect(defaultDataFolder({ platform: 'darwin', env: xdg, home })).toBe(
      '/home/me/Library/Application Support/tlsmith',
    );
    expect(defaultDataFolder({ platform: 'win32', env: { LOCALAPPDATA: '/local' }, home })).toBe(
      '/local/tlsmith',
    );
    expect(defaultDataFolder({ platform: 'win32', env: {}, home })).toBe('/home/me/AppData/Local/tlsmith');
  });

  it('is not taken from a relative XDG_DATA_HOME', () => {
    expect(defaultDataFolder({ platform: 'linux', env: { XDG_DATA_HOME: 'data' }, home })).toBe(
      '/home/me/.local/share/tlsmith',
    );
  });

  it('is a coded error for a user without a home', () => {
    const homeless = () => {
      throw new Error('uv_os_homedir returned ENOENT');
    };
    expect(() => defaultDataFolder({ platform: 'linux', env: {}, home: homeless })).toThrow('no home folder');
  });

  it('is looked up at first use, not when the storage is made', async () => {
    const before = process.env['XDG_DATA_HOME'];
    const storage = fileStorage();
    process.env['XDG_DATA_HOME'] = await temporaryFolder();
    try {
      await storage.put('k', Buffer.from('x'));
      expect(await fileStorage(`${process.env['XDG_DATA_HOME']}/tlsmith`).get('k')).toBeDefined();
    } finally {
      if (before === undefined) delete process.env['XDG_DATA_HOME'];
      else process.env['XDG_DATA_HOME'] = before;
    }
  });
});
