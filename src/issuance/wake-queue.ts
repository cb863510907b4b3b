/** Those who sleep, the next to be woken first: a heap, so that one who wakes among a thousand costs ten steps. */

/** Somebody who sleeps until an instant, milliseconds since the epoch, and may want the clock to be seen before. */
export interface Sleeper {
  readonly look: () => void;
  wakeAt: number;
  intervalMs: number;
  /** Where it is in the queue; -1 when it is in none. */
  place: number;
}

/** The queue. */
export class WakeQueue {
  readonly #heap: Sleeper[] = [];
  /** How many want each interval: mostly all the same. */
  readonly #intervals = new Map<number, number>();

  /** How many sleep. */
  get size(): number {
    return this.#heap.length;
  }

  /** When the next is to be woken; infinity when nobody sleeps. */
  get nextAt(): number {
    return this.#heap[0]?.wakeAt ?? Infinity;
  }

  /** The shortest interval that anybody wants; infinity when nobody sleeps. */
  get shortestIntervalMs(): number {
    return Math.min(Infinity, ...this.#intervals.keys());
  }

  /** Puts `sleeper` to sleep, or to sleep for another time. */
  add(sleeper: Sleeper, { wakeAt, intervalMs }: Pick<Sleeper, 'wakeAt' | 'intervalMs'>): void {
    this.remove(sleeper);
    sleeper.wakeAt = wakeAt;
    sleeper.intervalMs = intervalMs;
    sleeper.place = this.#heap.length;
    this.#heap.push(sleeper);
    this.#rise(sleeper);
    this.#intervals.set(intervalMs, (this.#intervals.get(intervalMs) ?? 0) + 1);
  }

  /** Takes it out; harmless when it does not sleep. */
  remove(sleeper: Sleeper): void {
    const { place, intervalMs } = sleeper;
    if (place < 0) return;
    sleeper.place = -1;
    this.#forget(intervalMs);
    const last = this.#heap.pop();
    if (last === undefined || last === sleeper) return;
    last.place = place;
    this.#heap[place] = last;
    this.#rise(last);
    this.#sink(last);
  }

  /** Takes out all who are to be woken by `instant`, in their order. */
  take(instant: number): Sleeper[] {
    const taken: Sleeper[] = [];
    for (let next = this.#heap[0]; next !== undefined && next.wakeAt <= instant; next = this.#heap[0]) {
      this.remove(next);
      taken.push(next);
    }
    return taken;
  }

  #forget(intervalMs: number): void {
    const others = (this.#intervals.get(intervalMs) ?? 1) - 1;
    if (others === 0) this.#intervals.delete(intervalMs);
    else this.#intervals.set(intervalMs, others);
  }

  #rise(sleeper: Sleeper): void {
    for (
      let above = this.#at((sleeper.place - 1) >> 1);
      above !== undefined && sleeper.wakeAt < above.wakeAt;
    ) {
      this.#swap(above, sleeper);
      above = this.#at((sleeper.place - 1) >> 1);
    }
  }

  #sink(sleeper: Sleeper): void {
    for (let below = this.#earlierBelow(sleeper); below !== undefined && below.wakeAt < sleeper.wakeAt;) {
      this.#swap(sleeper, below);
      below = this.#earlierBelow(sleeper);
    }
  }

  #earlierBelow({ place }: Sleeper): Sleeper | undefined {
    const left = this.#at(2 * place + 1);
    const right = this.#at(2 * place + 2);
    return left !== undefined && right !== undefined && right.wakeAt < left.wakeAt ? right : left;
  }

  #at(place: number): Sleeper | undefined {
    return place < 0 ? undefined : this.#heap[place];
  }

  /** @param upper - the one above */
  #swap(upper: Sleeper, lower: Sleeper): void {
    const { place } = upper;
    upper.place = lower.place;
    lower.place = place;
    this.#heap[upper.place] = upper;
    this.#heap[lower.place] = lower;
  }
}
