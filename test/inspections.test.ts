import { describe, expect, it } from '@jest/globals';
import { createCredential } from '../src/credential/credential.js';
import type { Finding } from '../src/credential/findings.js';
import { inspect } from '../src/diagnosis/inspect.js';
import { Inspections } from '../src/inspections.js';
import { type LeafRequest, testCa } from './support/certificates.js';
import { manualClock } from './support/manual-clock.js';

async function credentialWith(leaf: Partial<LeafRequest> = {}): Promise<ReturnType<typeof createCredential>> {
  const { cert, key } = await (await testCa()).issue({ names: ['a.test'], ...leaf });
  return createCredential({ cert, key });
}

function fixture(options: { tellsDates?: boolean } = {}): {
  inspections: Inspections;
  found: Finding[];
  resolved: Finding[];
} {
  const [found, resolved]: [Finding[], Finding[]] = [[], []];
  const inspections = new Inspections({
    clock: manualClock(),
    tellsDates: options.tellsDates ?? false,
    report: (finding) => found.push(finding),
    resolved: (finding) => resolved.push(finding),
    fault: (message) => {
      throw new Error(message);
    },
  });
  inspections.open();
  return { inspections, found, resolved };
}

describe('inspections', () => {
  it('find nothing within the call that shows a credential: that is a handshake', async () => {
    const { inspections, found } = fixture();
    inspections.add(await credentialWith({ version: 1 }));
    expect(found).toEqual([]);
    await inspections.settled();
    expect(found).toMatchObject([{ code: 'TLS_CERT_V1' }]);
  });

  it('leave a credential alone whose source has inspected it itself', async () => {
    const { inspections, found } = fixture();
    const credential = await credentialWith({ version: 1 });
    inspect(credential, { now: Date.now() });
    inspections.add(credential, { source: 'files' });
    await inspections.settled();
    expect(found).toEqual([]);
  });

  it('leave dates to the handshakes, unless they are asked to tell them', async () => {
    const expired = { notBefore: Date.UTC(2020, 0, 1), notAfter: Date.UTC(2020, 3, 1) };
    for (const tellsDates of [false, true]) {
      const { inspections, found } = fixture({ tellsDates });
      inspections.add(await credentialWith(expired));
      await inspections.settled();
      expect(found.map(({ code }) => code)).toEqual(tellsDates ? ['TLS_CERT_EXPIRED'] : []);
    }
  });

  it('take back what no longer holds for the same names of the same source', async () => {
    const { inspections, resolved } = fixture();
    inspections.add(await credentialWith({ version: 1 }), { source: 'one' });
    inspections.add(await credentialWith(), { source: 'other' });
    await inspections.settled();
    expect(resolved).toEqual([]);
    inspections.add(await credentialWith(), { source: 'one' });
    await inspections.settled();
    expect(resolved).toMatchObject([{ code: 'TLS_CERT_V1', source: 'one' }]);
  });

  it('are made once for each credential', async () => {
    const { inspections, found } = fixture();
    const credential = await credentialWith({ version: 1 });
    inspections.add(credential);
    inspections.add(credential);
    await inspections.settled();
    inspections.add(credential);
    await inspections.settled();
    expect(found).toHaveLength(1);
  });

  it('have a bound: what is too much is looked at when it is served again', async () => {
    const { inspections, found } = fixture();
    const credential = await credentialWith({ version: 1, issuer: 'root' });
    const copies = Array.from({ length: 1_002 }, () => ({ ...credential, key: '' }));
    for (const copy of copies) inspections.add(copy);
    await inspections.settled();
    expect(found).toHaveLength(1_000);
    for (const copy of copies) inspections.add(copy);
    await inspections.settled();
    expect(found).toHaveLength(1_002);
  });

  it('end with the server: nothing is found after close, and no more is taken', async () => {
    const { inspections, found } = fixture();
    inspections.add(await credentialWith({ version: 1 }));
    await inspections.close();
    inspections.add(await credentialWith({ version: 1 }));
    await inspections.settled();
    expect(found).toEqual([]);
  });
});
