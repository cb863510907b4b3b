// Of thousands of pairs that clients have asked for, those used last stay loaded, and no more.
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { assertServable } from '../../../src/credential/credential.js';
import { Announcements } from '../../../src/sources/directory/announcements.js';
import { PairEntry } from '../../../src/sources/directory/pair-entry.js';
import { PairFindings } from '../../../src/sources/directory/pair-findings.js';
import { PairIndex } from '../../../src/sources/directory/pair-index.js';
import { PairLoader } from '../../../src/sources/directory/pair-loader.js';
import { Passphrase } from '../../../src/sources/directory/passphrase.js';
import { recordingHost } from '../../issuance/support/source-host.js';
import { testCa } from '../../support/certificates.js';
import { manualClock } from '../../support/manual-clock.js';
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary-folder.js';

jest.setTimeout(240_000);

const KEPT = 2_000;
let folder: TemporaryFolder;

beforeEach(async () => {
  folder = await temporaryFolder();
  await (await testCa()).issue({ names: ['a.test'] }).then((pair) => pair.writeTo(folder.path, 'a'));
});

afterEach(() => folder.remove());

describe('of the pairs that clients have asked for', () => {
  it('2,000 stay loaded, those used last, and all others are loaded again', async () => {
    const loader = newLoader();
    const entries = Array.from({ length: KEPT + 3 }, (_, number) => entryCalled(`${number}`));
    const [first, second, third, fourth] = entries;
    for (const entry of entries) {
      expect((await loader.load(entry))?.names).toEqual(['a.test']);
      // Used again and again: never one of those that were not used for longest.
      loader.credentialOf(first!);
    }
    expect([...loader.all()]).toHaveLength(KEPT);
    expect(entries.filter((entry) => !loader.isLoaded(entry))).toEqual([second, third, fourth]);
    expect(await loader.load(second!)).toBeDefined();
    expect([...loader.all()]).toHaveLength(KEPT);
    expect(loader.isLoaded(second!)).toBe(true);
    expect(loader.isLoaded(entries[4]!)).toBe(false);
    await loader.close();
  });

  /** Nobody looks closely at what it has loaded: the clock stands still. */
  function newLoader(): PairLoader {
    const clock = manualClock();
    const host = recordingHost({ clock });
    return new PairLoader({
      ...{ clock, isStrict: false, index: new PairIndex(), announcements: new Announcements(host) },
      findings: new PairFindings(host, folder.path),
      passphrase: new Passphrase({ passphrase: undefined, passphraseFile: undefined }),
      prepare: assertServable,
      indexing: () => undefined,
    });
  }

  /** All of them lie in the same two files: a pair of its own for each would take minutes to make. */
  function entryCalled(id: string): PairEntry {
    const listed = { path: folder.path, relativePath: '', pairs: [], fileCount: 0, hasSnapshots: false };
    const names = { id, stem: id, cert: 'a.crt', key: 'a.key', chain: undefined, isOptional: false };
    return new PairEntry(listed, names);
  }
});
