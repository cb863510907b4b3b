/** Fatal TLS alerts written by hand, for connections that are refused before any TLS state exists (RFC 8446 §6). */

const CODES = {
  handshake_failure: 40,
  decode_error: 50,
  internal_error: 80,
  unrecognized_name: 112,
} as const;

/** The alerts the router sends by itself. */
export type AlertName = keyof typeof CODES;

const RECORD_ALERT = 21;
const FATAL = 2;

/** The record of a fatal alert. */
export function alertOf(alert: AlertName): Buffer {
  return Buffer.from([RECORD_ALERT, 3, 3, 0, 2, FATAL, CODES[alert]]);
}
