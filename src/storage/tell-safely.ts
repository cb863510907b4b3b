/** Calling those who want to be told of something. */

/** `callback`, with its exceptions kept from ending the read, the write or the watch that it hears of. */
export function tellSafely<Facts extends unknown[]>(callback: (...facts: Facts) => void) {
  return (...facts: Facts): void => {
    try {
      callback(...facts);
    } catch {
      // There is nobody here who could do anything about it.
    }
  };
}
