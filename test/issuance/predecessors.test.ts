import { describe, expect, it } from '@jest/globals';
import { type ManagedSource, managedSource } from '../../src/issuance/managed-source.js';
import type { Found } from '../../src/sources/certificate-source.js';
import { memoryStorage } from '../../src/storage/memory-storage.js';
import { manualClock } from '../support/manual-clock.js';
import { until } from '../support/until.js';
import { DAY_MS, type ScriptedIssuer, scriptedIssuer } from './support/scripted-issuer.js';
import { recordingHost, TLS_LISTENER } from './support/source-host.js';

const { signal } = new AbortController();
const [clock, storage] = [manualClock(), memoryStorage()];

async function startedWith(
  id: string,
  script: ScriptedIssuer['script'],
  mayPrecede = (other: string): boolean => other !== 'staging',
): Promise<ManagedSource & { issuer: ScriptedIssuer }> {
  const issuer = scriptedIssuer({ clock, id, isLocal: false });
  issuer.script.push(...script);
  const source = managedSource({ name: 'managed', issuer, names: [['a.test']], storage, mayPrecede });
  const host = recordingHost({ clock, storage });
  host.listen([TLS_LISTENER]);
  await source.start?.(host);
  return Object.assign(source, { issuer });
}

function find(source: ManagedSource): Found | undefined {
  return source.find({ serverName: 'a.test', signal });
}

describe('A certificate of another issuer', () => {
  it('serves until the first one of the new issuer is there, which is ordered at once', async () => {
    const old = await startedWith('old', []);
    await old.ready?.({ signal });
    const before = find(old);
    await old.close?.();

    const source = await startedWith('new', ['wait']);
    await until(() => source.issuer.requests.length === 1);
    expect(find(source)).toMatchObject({ id: (before as { id: string }).id });
    expect(source.issuer.requests[0]).toMatchObject({ previousIssuer: 'old' });
    let isReady = false;
    const ready = source.ready?.({ signal }).then(() => (isReady = true));
    expect(isReady).toBe(false);
    source.issuer.release();
    await ready;
    expect(find(source)).not.toMatchObject({ id: (before as { id: string }).id });
    await source.close?.();
  });

  it('goes on serving while the new issuer fails', async () => {
    const before = await startedWith('second', []);
    await before.ready?.({ signal });
    await before.close?.();
    const source = await startedWith('third', [{ fail: new Error('down') }]);
    await until(() => [...(source.managed?.() ?? [])][0]?.attempts === 1);
    expect(find(source)).not.toHaveProperty('pending');
    await source.close?.();
  });

  it('does not serve when it is one for tests, or has expired', async () => {
    const before = await startedWith('before', []);
    await before.ready?.({ signal });
    await before.close?.();
    const source = await startedWith('fourth', [{ fail: new Error('down') }], () => false);
    expect(find(source)).toHaveProperty('pending');
    await source.close?.();
    clock.jump(100 * DAY_MS);
    const late = await startedWith('fifth', [{ fail: new Error('down') }]);
    expect(find(late)).toHaveProperty('pending');
    await late.close?.();
  });
});
