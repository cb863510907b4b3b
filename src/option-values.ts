/** Words for options that are misused, and the checks that several of them share. */

/** For what is misused: a `TypeError` that names the option. */
export function invalid(option: string, expected: string): TypeError {
  return new TypeError(`createSecureServer: \`${option}\` must be ${expected}.`);
}

/** `undefined` is an option left out; `null` is none of the allowed values. */
export function oneOf<Value>(
  value: Value | undefined,
  allowed: readonly Value[],
  option: string,
): Value | undefined {
  if (value === undefined || allowed.includes(value)) return value;
  throw invalid(option, `one of ${allowed.map(String).join(', ')}, not ${String(value)}`);
}

/** True, false, or left out, which is false. */
export function parseBoolean(value: boolean | undefined, option: string): boolean {
  if (value === undefined || typeof value === 'boolean') return value ?? false;
  throw invalid(option, 'true or false');
}

/** Whether it is a string with something in it. */
export function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

/** For what is typed as an object and may come from JavaScript as anything. */
export function isRecord(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
