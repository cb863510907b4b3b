/**
 * Whether files can be asked for their state without waiting for anybody. On a disk of this machine the answer is in the
 * kernel's memory, and to have a thread ask for it costs four times what the answer does. A server of files, or a program
 * that plays a file system, may take minutes, and nothing but threads may wait for it.
 */
import { statfs } from 'node:fs/promises';

/** As Linux numbers them (statfs(2)): ext2 to ext4, XFS, Btrfs, F2FS, ZFS, tmpfs. */
const LOCAL_FILE_SYSTEMS = new Set([0xef53, 0x58465342, 0x9123683e, 0xf2f52010, 0x2fc12fc1, 0x01021994]);

/** Whether the folder lies on such a disk; false where that is not known. Never rejects. */
export async function isOnLocalDisk(folder: string): Promise<boolean> {
  try {
    return LOCAL_FILE_SYSTEMS.has((await statfs(folder)).type);
  } catch {
    return false;
  }
}
