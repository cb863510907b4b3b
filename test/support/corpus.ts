// Inputs worth keeping, in test/fixtures/corpus: real ones, and those that fuzzers have found something with.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What the corpus has inputs for. */
export type CorpusKind = 'certificates' | 'client-hello' | 'names' | 'plain-http' | 'proxy-header';

/** Each input with the line that says what it is. */
export function corpus(kind: CorpusKind): (readonly [name: string, bytes: Buffer])[] {
  const path = join(__dirname, '..', 'fixtures', 'corpus', `${kind}.txt`);
  const [, ...lines] = readFileSync(path, 'utf8').split('\n');
  return lines.flatMap((line, index) =>
    line.startsWith('# ') ? [[line.slice(2), Buffer.from(lines[index + 1] ?? '', 'hex')] as const] : [],
  );
}

/** The one of this name. */
export function inputOf(kind: CorpusKind, name: string): Buffer {
  const found = corpus(kind).find(([own]) => own === name);
  if (found === undefined) throw new Error(`The corpus has no ${kind} called ${name}.`);
  return found[1];
}
