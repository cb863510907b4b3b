/** Tells what has to be waited for from what is at hand. Answers come from untyped code: nothing else is believed. */

/** Whether `value` is a promise, of whatever make. */
export function isPromiseLike<Value>(value: Value | PromiseLike<Value>): value is PromiseLike<Value> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
