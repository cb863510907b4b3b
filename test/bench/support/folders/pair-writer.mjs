// A process that puts new pairs in place of all that are there, as a sync job does: writes each file beside, renames it
// over the old one, and goes on with the next as fast as it can.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { answerCalls } from '../child.mjs';

const ENDINGS = ['key', 'crt'];

let files = [];

answerCalls({
  /** Reads what is to be written, so that reading takes no time later. */
  load: ({ staged, names }) => {
    files = names.flatMap((name) =>
      ENDINGS.map((ending) => {
        const fileName = `${name}.${ending}`;
        return { fileName, content: readFileSync(join(staged, fileName)) };
      }),
    );
  },

  /** The instants (clock of all processes) of the first and of the last rename. */
  replaceAll: ({ folder }) => {
    const startedAt = process.hrtime.bigint();
    for (const { fileName, content } of files) {
      const beside = join(folder, `.${fileName}.new`);
      writeFileSync(beside, content, { mode: 0o600 });
      renameSync(beside, join(folder, fileName));
    }
    return { startedAt: `${startedAt}`, endedAt: `${process.hrtime.bigint()}` };
  },
});
