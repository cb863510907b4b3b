// README and docs say what is: every program in them is an example that test/examples.test.ts runs, every link leads
// somewhere, every error code and every export is told of.
import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';
import { ERROR_CODES } from '../src/errors.js';
import { type Counter, Counters, openMetrics } from '../src/metrics.js';
import type { CertificateStatus } from '../src/status.js';

const CHECKOUT = join(__dirname, '..');
const EXAMPLES = join(CHECKOUT, 'docs', 'examples');
const PAGES = ['README.md', 'CHANGELOG.md', ...namesIn('docs').filter((name) => name.endsWith('.md'))];

describe('The README', () => {
  const readme = read('README.md');

  it('has fewer than 150 lines', () => {
    expect(readme.split('\n').length).toBeLessThan(150);
  });

  it('shows a whole program and what it prints within its first 40 lines', () => {
    const start = readme.split('\n').slice(0, 40).join('\n');
    expect(start).toContain(read('docs/examples/hello.ts').replace(/^\/\/.*\n/, ''));
    expect(start).toContain('Listening at https://localhost:8443');
  });

  it.each(['npm ci && npm start', 'npm ci && npm test'])('has the command %s alone in a block', (command) => {
    expect(readme).toContain(`\`\`\`sh\n${command}\n\`\`\``);
  });

  it('tells of scripts that exist', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const mentioned = [...readme.matchAll(/npm (?:run )?(start|test(?::\w+)?)/g)].map(([, script]) => script);
    expect(mentioned).toEqual(expect.arrayContaining(['start', 'test', 'test:unit']));
    expect(mentioned.filter((script) => scripts[script ?? ''] === undefined)).toEqual([]);
    expect(scripts['start']).toBe('tsx docs/examples/quick-start.ts');
  });
});

describe.each(PAGES)('%s', (page) => {
  const text = read(page);

  it('has no code in TypeScript that is not in docs/examples, byte for byte', () => {
    const examples = exampleFiles().map((name) => readFileSync(join(EXAMPLES, name), 'utf8'));
    const strangers = blocksIn(text).filter((block) => !examples.some((example) => example.includes(block)));
    expect(strangers).toEqual([]);
  });

  it('has no link that leads nowhere', () => {
    expect(linksIn(text).filter((link) => !leadsSomewhere(link, page))).toEqual([]);
  });

  it('names no place of one machine', () => {
    expect(text).not.toMatch(/\/(?:root|home\/\w+)\//);
  });
});

describe('The examples', () => {
  it('are all run by test/examples.test.ts, or imported by one that is', () => {
    const tests = read('test/examples.test.ts');
    const sources = exampleFiles().map((name) => readFileSync(join(EXAMPLES, name), 'utf8'));
    const isImported = (name: string): boolean =>
      sources.some((source) =>
        source.includes(`/${name.replace(/^support\//, '').replace(/\.ts$/, '.js')}'`),
      );
    expect(exampleFiles().filter((name) => !tests.includes(`'${name}'`) && !isImported(name))).toEqual([]);
  });

  it('import only what package.json declares', () => {
    const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<string, object>;
    const declared = Object.keys({ ...dependencies, ...devDependencies });
    const strangers = exampleFiles()
      .flatMap((name) => importsIn(join(EXAMPLES, name)))
      .filter((name) => !/^(?:\.|node:|tlsmith(?:\/testing)?$)/.test(name) && !declared.includes(name));
    expect(strangers).toEqual([]);
  });
});

describe('docs/errors.md', () => {
  const sections = new Map(
    read('docs/errors.md')
      .split(/^### /m)
      .slice(1)
      .map((section) => [section.slice(0, section.indexOf('\n')), section] as const),
  );

  it('has a section for every error code, and for nothing else', () => {
    expect([...sections.keys()].sort()).toEqual([...ERROR_CODES].sort());
  });

  it('says of each what happened, why, and what to do', () => {
    const incomplete = [...sections].filter(
      ([, section]) =>
        !/- \*\*What happened\*\*: [^]+\n- \*\*Why\*\*: [^]+\n- \*\*What to do\*\*: /.test(section),
    );
    expect(incomplete.map(([code]) => code)).toEqual([]);
  });
});

describe('docs/metrics.md', () => {
  const page = read('docs/metrics.md');
  const certificate: CertificateStatus = {
    names: ['a.test'],
    source: 'x',
    serialNumber: '1',
    notAfter: '2030-01-01T00:00:00.000Z',
    state: 'valid',
  };
  const text = openMetrics(new Counters(), [certificate]);

  it('names every metric, and none that there is not', () => {
    const types = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)];
    const names = types.map(([, name, type]) => (type === 'counter' ? `${name}_total` : name));
    const told = [...page.matchAll(/^\| `(tlsmith_\w+)`/gm)].map(([, name]) => name);
    expect(told.sort()).toEqual(names.sort());
  });

  it('names the labels of each', () => {
    for (const counter of Object.values(new Counters()) as Counter[]) {
      counter.increment('x');
      const [, name = '', label = ''] = /^(\w+)\{(\w+)="x"\}/.exec(counter.lines().at(-1) ?? '') ?? [];
      expect(page).toMatch(new RegExp(`^\\| \`${name}\` \\| \`${label}\``, 'm'));
    }
    const [, labels = ''] = /^tlsmith_certificate_not_after_seconds\{(.*)\}/m.exec(text) ?? [];
    const names = [...labels.matchAll(/(\w+)=/g)].map(([, label]) => `\`${label}\``);
    expect(page).toContain(`| \`tlsmith_certificate_not_after_seconds\` | ${names.join(', ')} |`);
  });
});

describe('docs/design.md', () => {
  const page = read('docs/design.md');
  const tree = /^## Source tree\n+```\n([^]*?)^```/m.exec(page)?.[1] ?? '';

  it('has every folder and every file of the first level of src in its tree', () => {
    const missing = readdirSync(join(CHECKOUT, 'src'), { withFileTypes: true })
      .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
      .filter((name) => !new RegExp(`(?:^|\\s)${name.replace('.', '\\.')}(?:\\s|$)`, 'm').test(tree));
    expect(missing).toEqual([]);
  });

  it('names no source file that there is not', () => {
    const files = readdirSync(join(CHECKOUT, 'src'), { recursive: true, encoding: 'utf8' });
    const named = [...page.matchAll(/[\w./-]+\.ts\b/g)].map(([name]) => name);
    expect(named.length).toBeGreaterThan(30);
    const strangers = named.filter(
      (name) =>
        !name.startsWith('test/') && !files.some((file) => file === name || file.endsWith(`/${name}`)),
    );
    expect(strangers).toEqual([]);
  });
});

describe('Every export', () => {
  it.each(['src/index.ts', 'src/testing/index.ts'])('of %s is documented in its source', (entryPoint) => {
    expect(undocumentedExports(join(CHECKOUT, entryPoint))).toEqual([]);
  });

  it('that is a function is told of in the README or docs', () => {
    const pages = PAGES.map(read).join('\n');
    const names = [...read('src/index.ts').matchAll(/export \{([^}]*)\}/g)]
      .flatMap(([, list = '']) => list.split(','))
      .map((name) => name.trim())
      .filter((name) => /^[a-z]/.test(name) && !name.startsWith('type '));
    expect(names).toContain('createSecureServer');
    expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(pages))).toEqual([]);
  });
});

function read(path: string): string {
  return readFileSync(join(CHECKOUT, path), 'utf8');
}

function namesIn(folder: string): string[] {
  return readdirSync(join(CHECKOUT, folder)).map((name) => `${folder}/${name}`);
}

/** Paths below docs/examples. */
function exampleFiles(): string[] {
  return readdirSync(EXAMPLES, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
}

function blocksIn(text: string): string[] {
  return [...text.matchAll(/^```(?:ts|typescript|js|javascript)\n([^]*?)^```$/gm)].map(
    ([, block = '']) => block,
  );
}

/** Targets of Markdown links outside of code. */
function linksIn(text: string): string[] {
  const prose = text.replaceAll(/^```[^]*?^```$/gm, '').replaceAll(/`[^`\n]*`/g, 'code');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
}

function leadsSomewhere(link: string, page: string): boolean {
  if (/^https:\/\//.test(link)) return true;
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? page : relative(CHECKOUT, join(CHECKOUT, dirname(page), path));
  const stats = statSync(join(CHECKOUT, target), { throwIfNoEntry: false });
  if (stats === undefined || anchor === undefined) return stats !== undefined;
  return headingsIn(read(target)).includes(anchor);
}

/** Anchors as GitHub makes them. */
function headingsIn(text: string): string[] {
  const prose = text.replaceAll(/^```[^]*?^```$/gm, '');
  return [...prose.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function importsIn(path: string): string[] {
  return ts.preProcessFile(readFileSync(path, 'utf8')).importedFiles.map(({ fileName }) => fileName);
}

/** Names that an entry point hands on and whose declaration, in the file it names, has no comment. */
function undocumentedExports(entryPoint: string): string[] {
  const entry = parse(entryPoint);
  return entry.statements.filter(ts.isExportDeclaration).flatMap(({ exportClause, moduleSpecifier }) => {
    if (exportClause === undefined || !ts.isNamedExports(exportClause) || moduleSpecifier === undefined)
      return [];
    const specifier = (moduleSpecifier as ts.StringLiteral).text;
    const documented = documentedNames(join(dirname(entryPoint), specifier.replace(/\.js$/, '.ts')));
    return exportClause.elements.map(({ name }) => name.text).filter((name) => !documented.has(name));
  });
}

function documentedNames(path: string): Set<string> {
  const names = new Set<string>();
  for (const statement of parse(path).statements) {
    const isDocumented = ts.getJSDocCommentsAndTags(statement).length > 0;
    if (!isDocumented) continue;
    const declarations = ts.isVariableStatement(statement)
      ? statement.declarationList.declarations
      : [statement];
    for (const declaration of declarations) {
      const name = ts.getNameOfDeclaration(declaration as ts.Declaration);
      if (name !== undefined && ts.isIdentifier(name)) names.add(name.text);
    }
  }
  return names;
}

function parse(path: string): ts.SourceFile {
  return ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.ES2022, true);
}
