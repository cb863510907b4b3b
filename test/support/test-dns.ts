/** A user's DNS provider: the TXT records of the name server that Pebble asks, and what was done to them. */
import type { Pebble } from './pebble.js';

interface TxtRecord {
  readonly name: string;
  readonly value: string;
}

/** A solver for `dns01()`, with its history. */
export interface TestDns {
  /** `present name` and `cleanUp name`, in order. */
  readonly calls: string[];
  /** What is there now. */
  readonly records: TxtRecord[];
  /** Told before each call: may throw, or wait. */
  before: (method: 'present' | 'cleanUp', record: TxtRecord) => Promise<void> | void;
  present(record: TxtRecord): Promise<void>;
  cleanUp(record: TxtRecord): Promise<void>;
}

/** A provider whose interface adds records one by one, and takes away all of a name. */
export function testDns({ ports }: Pebble): TestDns {
  const add = ({ name, value }: TxtRecord): Promise<void> =>
    post(ports.dnsManagement, 'set-txt', { host: `${name}.`, value });
  const dns: TestDns = {
    calls: [],
    records: [],
    before: () => undefined,
    present: async ({ name, value }) => {
      dns.calls.push(`present ${name}`);
      await dns.before('present', { name, value });
      dns.records.push({ name, value });
      await add({ name, value });
    },
    cleanUp: async ({ name, value }) => {
      dns.calls.push(`cleanUp ${name}`);
      await dns.before('cleanUp', { name, value });
      const index = dns.records.findIndex((each) => each.name === name && each.value === value);
      if (index >= 0) dns.records.splice(index, 1);
      await post(ports.dnsManagement, 'clear-txt', { host: `${name}.` });
      for (const record of dns.records.filter((each) => each.name === name)) await add(record);
    },
  };
  return dns;
}

async function post(port: number, path: string, body: object): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { connection: 'close' },
  });
  if (!response.ok) throw new Error(`The name server refused ${path}: ${await response.text()}`);
}
