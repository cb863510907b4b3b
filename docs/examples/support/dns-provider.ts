// Stands for the client of a DNS provider, for the program that needs one: it speaks to Pebble's test name server, whose
// interface adds one record, or takes away all of a name.

/** TXT records by name. */
export class DnsProvider {
  readonly #api: string;
  readonly #values = new Map<string, readonly string[]>();

  constructor(api: string) {
    this.#api = api;
  }

  /** Adds to the records of a name, which are never gone meanwhile: an authority may be looking at the others. */
  async addTxt(name: string, value: string): Promise<void> {
    await this.#post('set-txt', { host: `${name}.`, value });
    this.#values.set(name, [...(this.#values.get(name) ?? []), value]);
  }

  async removeTxt(name: string, value: string): Promise<void> {
    const left = (this.#values.get(name) ?? []).filter((other) => other !== value);
    this.#values.set(name, left);
    await this.#post('clear-txt', { host: `${name}.` });
    for (const other of left) await this.#post('set-txt', { host: `${name}.`, value: other });
  }

  /** This one has a single name server, and answers when that one knows. */
  untilAllNameServersAnswer(name: string, value: string): Promise<void> {
    return this.#values.get(name)?.includes(value) === true
      ? Promise.resolve()
      : Promise.reject(new Error(`${name} was not added`));
  }

  async #post(path: string, body: object): Promise<void> {
    const response = await fetch(`${this.#api}/${path}`, { method: 'POST', body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`the name server refused: ${await response.text()}`);
  }
}
