/** A Map that forgets what was not used for longest once it is full. */
export class BoundedMap<Key, Value> {
  readonly #entries = new Map<Key, Value>();
  readonly #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** How many entries there are. */
  get size(): number {
    return this.#entries.size;
  }

  /** The value, which then counts as used last. */
  get(key: Key): Value | undefined {
    const value = this.#entries.get(key);
    if (value === undefined || this.#entries.size < this.#capacity / 2) return value;
    // Order only matters once entries may be dropped; before that the hot path saves the two writes.
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  /** Whether there is an entry; asking does not count as use. */
  has(key: Key): boolean {
    return this.#entries.has(key);
  }

  /** Stores a value and drops the one unused for longest, if there are too many. */
  set(key: Key, value: Value): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size <= this.#capacity) return;
    const oldest = this.#entries.keys().next();
    if (oldest.done !== true) this.#entries.delete(oldest.value);
  }

  /** Removes one entry. */
  delete(key: Key): void {
    this.#entries.delete(key);
  }

  /** Removes all entries. */
  clear(): void {
    this.#entries.clear();
  }

  /** All entries, the one unused for longest first. */
  entries(): IterableIterator<[Key, Value]> {
    return this.#entries.entries();
  }

  /** All values. */
  values(): IterableIterator<Value> {
    return this.#entries.values();
  }
}
