/** Names that strangers send, in log lines. */

const LONGEST_PRINTED_NAME = 80;

/** A server name as a stranger sent it, made safe for a log line. */
export function printable(serverName = ''): string {
  const shown = serverName.slice(0, LONGEST_PRINTED_NAME).replace(/[^\x21-\x7e]/g, '?');
  return serverName.length > LONGEST_PRINTED_NAME ? `${shown}…` : shown;
}
