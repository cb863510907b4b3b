/** When a certificate authority wants to be asked again. It is scheduled by whoever asked, never slept through here. */

const DAY_MS = 86_400_000;
/** More than any authority's longest limit; beyond it the value is nonsense. */
const LONGEST_MS = 31 * DAY_MS;
/** Let's Encrypt ends its rate limit errors with this, and means it when the header says less. */
const RETRY_AFTER_TEXT = /retry after (\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d) ?(?:UTC|Z)/i;

const HTTP_DATE = /^[A-Z][a-z]{2,8}, \d/;

/**
 * The later of the header `Retry-After` (RFC 9110 §10.2.3: seconds or a date) and a time in the text.
 * @param now - milliseconds since the epoch
 * @returns milliseconds since the epoch, or undefined when neither says anything
 */
export function retryInstant(header: string | undefined, detail: string, now: number): number | undefined {
  const instants = [headerInstant(header, now), textInstant(detail)].filter(
    (instant) => instant !== undefined,
  );
  if (instants.length === 0) return undefined;
  return Math.min(Math.max(...instants), now + LONGEST_MS);
}

/** How long to wait before polling again, in milliseconds; 0 when the answer does not say. */
export function pollDelayMs(header: string | undefined, now: number): number {
  return Math.max(0, (headerInstant(header, now) ?? now) - now);
}

/** What the header says, milliseconds since the epoch; undefined when it is missing or says nothing. */
export function headerInstant(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d+$/.test(header.trim())) return now + Number(header) * 1_000;
  // Date.parse takes nearly anything for a date, `-5` among it.
  const date = HTTP_DATE.test(header) ? Date.parse(header) : NaN;
  return Number.isNaN(date) ? undefined : date;
}

function textInstant(detail: string): number | undefined {
  const [, day, time] = RETRY_AFTER_TEXT.exec(detail) ?? [];
  const instant = Date.parse(`${day ?? ''}T${time ?? ''}Z`);
  return Number.isNaN(instant) ? undefined : instant;
}
