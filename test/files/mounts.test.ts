import { describe, expect, it } from '@jest/globals';
import { keepsModes, mountOf, mounts, parseMountInfo } from '../../src/files/mounts.js';

const MOUNTINFO = [
  '22 1 0:20 / / rw,relatime shared:1 - overlay overlay rw,lowerdir=/a',
  '30 22 0:27 / /certs ro,relatime master:3 propagate_from:1 - tmpfs tmpfs rw,size=1k',
  '31 22 8:1 /srv/a\\040b.crt /mounted\\040here\\134.crt rw,relatime - ext4 /dev/sda1 rw',
  '32 22 0:28 / /certs ro - ext4 /dev/sdb1 rw',
  'what no kernel writes',
  '',
].join('\n');

describe('the mounts of a process', () => {
  it('are read with their points, kinds and rights', () => {
    expect(parseMountInfo(MOUNTINFO)).toEqual([
      { point: '/', type: 'overlay', isReadOnly: false },
      { point: '/certs', type: 'tmpfs', isReadOnly: true },
      { point: '/mounted here\\.crt', type: 'ext4', isReadOnly: false },
      { point: '/certs', type: 'ext4', isReadOnly: true },
    ]);
  });

  it('cover paths by whole names, the latest on top', () => {
    const all = parseMountInfo(MOUNTINFO);
    expect(mountOf('/certs/tls.key', all)).toMatchObject({ point: '/certs', type: 'ext4' });
    expect(mountOf('/certs', all)).toMatchObject({ point: '/certs' });
    expect(mountOf('/certs2/tls.key', all)).toMatchObject({ point: '/' });
    expect(mountOf('/x', [])).toBeUndefined();
  });

  it('of Windows and of USB sticks keep no modes', () => {
    const all = parseMountInfo('1 0 8:1 / / rw - ext4 /dev/a rw\n2 1 0:5 / /mnt/c rw - 9p drvfs rw');
    expect(keepsModes('/mnt/c/certs/a.key', all)).toBe(false);
    expect(keepsModes('/mnt/certs/a.key', all)).toBe(true);
    expect(keepsModes('/mnt/certs/a.key', [])).toBe(true);
  });

  it('are told by this system, if it is a Linux', async () => {
    const all = await mounts();
    expect(all.some(({ point }) => point === '/')).toBe(process.platform === 'linux');
  });
});
