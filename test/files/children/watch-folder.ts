// Watches a folder, closes the watch or leaves it open, and has nothing else to stay for.
import { systemClock } from '../../../src/clock.js';
import { FolderWatch } from '../../../src/files/folder-watch.js';

const [folder = '', state = '', pollMs = ''] = process.argv.slice(2);
const watch = new FolderWatch({
  clock: systemClock,
  folders: () => [folder],
  pollMs: () => Number(pollMs),
  look: () => Promise.resolve(),
});
watch.start();

// Keeps the process until the watch stands, no longer.
const stands = setInterval(() => {
  if (!process.getActiveResourcesInfo().includes('FSReqPromise')) clearInterval(stands);
}, 50);
if (state === 'closed') void watch.lookNow().then(() => watch.close());
