/** What the server is told of changes, gathered: after 10,000 of them it looks at its certificates once. */
import type { SourceEvent, SourceHost } from '../certificate-source.js';

/** News that wait to be told together. */
export class Announcements {
  readonly #host: Pick<SourceHost, 'changed' | 'notify'>;
  readonly #names = new Set<string>();
  #events: SourceEvent[] = [];

  constructor(host: Pick<SourceHost, 'changed' | 'notify'>) {
    this.#host = host;
  }

  /** Answers for these names may have changed. */
  changed(names: readonly string[]): void {
    for (const name of names) this.#names.add(name);
  }

  /** Something has happened to a certificate. */
  add(event: SourceEvent): void {
    this.#events.push(event);
  }

  /** Tells all that waits. */
  flush(): void {
    const events = this.#events;
    this.#events = [];
    if (this.#names.size > 0) {
      this.#host.changed([...this.#names]);
      this.#names.clear();
    }
    for (const event of events) this.#host.notify(event);
  }
}
