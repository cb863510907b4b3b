// Finds what a test file leaves behind: a socket, a server, a child or a watcher. jest's --detectOpenHandles does
// not see a leaked TLS server. Looked at after every hook of the file has run, afterAll included.
const WATCHED = new Set([
  'TCPServerWrap',
  'TCPSocketWrap',
  'TLSWrap',
  'PipeServerWrap',
  'PipeWrap',
  'ProcessWrap',
  'FSEventWrap',
  'MessagePort',
]);
const TURNS = 2_000;
const TURN_MS = 5;

/** The kinds of handles that keep this process alive now. */
function openHandles() {
  return process.getActiveResourcesInfo().filter((name) => WATCHED.has(name));
}

/** The error to fail with when more handles are open than `before`; closing ones are given ten seconds to go. */
async function leakSince(before) {
  for (let turn = 0; turn < TURNS && openHandles().length > before.length; turn += 1) {
    await new Promise((resolve) => setTimeout(resolve, TURN_MS));
  }
  const left = openHandles();
  if (left.length <= before.length) return undefined;
  return new Error(`left handles open: ${left.join(', ')} (before: ${before.join(', ')})`);
}

module.exports = { openHandles, leakSince };
