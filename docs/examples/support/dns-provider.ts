// Stands for the client of a DNS provider, for the program that needs one: it speaks to Pebble's test name server, whose
// interface writes all records of a name at once.

/** TXT records by name. */
export class DnsProvider {
  readonly #api: string;
  readonly #values = new Map<string, readonly string[]>();

  constructor(api: string) {
    this.#api = api;
  }

  async addTxt(name: string, value: string): Promise<void> {
    await this.#write(name, [...(this.#values.get(name) ?? []), value]);
  }

  async removeTxt(name: string, value: string): Promise<void> {
    await this.#write(
      name,
      (this.#values.get(name) ?? []).filter((other) => other !== value),
    );
  }

  /** This one has a single name server, and answers when that one knows. */
  untilAllNameServersAnswer(name: string, value: string): Promise<void> {
    return this.#values.get(name)?.includes(value) === true
      ? Promise.resolve()
      : Promise.reject(new Error(`${name} was not added`));
  }

  async #write(name: string, values: readonly string[]): Promise<void> {
    const host = `${name}.`;
    await this.#post('clear-txt', { host });
    for (const value of values) await this.#post('set-txt', { host, value });
    this.#values.set(name, values);
  }

  async #post(path: string, body: object): Promise<void> {
    const response = await fetch(`${this.#api}/${path}`, { method: 'POST', body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`the name server refused: ${await response.text()}`);
  }
}
