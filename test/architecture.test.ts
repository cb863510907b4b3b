// Which part of src may see which other: read from the imports, types included, so that a file can be understood,
// tested and replaced knowing only what stands below it.
import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';

const SRC = join(__dirname, '..', 'src');

/** What everybody may see: words that the whole library shares. */
const COMMON = ['bounded-map', 'clock', 'errors', 'known-options', 'logger', 'promise-like'];

/** For each folder what it may see besides itself: files without ending, or whole folders with a slash at the end. */
const MAY_SEE: Readonly<Record<string, readonly string[]>> = {
  credential: ['bounded-map', 'errors'],
  storage: ['clock', 'errors'],
  x509: ['credential/pem', 'errors'],
  // Loaded when there is something to explain; knows certificates and errors, and nobody who has them.
  diagnosis: ['credential/', 'errors'],
  // The interface of a source names what a source is offered, the storage among it.
  // Pairs on a disk: read, proven, watched. What is done with them is the business of a source.
  files: ['clock', 'credential/', 'diagnosis/inspect', 'errors'],
  sources: [...COMMON, 'credential/', 'diagnosis/inspect', 'files/', 'storage/storage'],
  // Speaks to certificate authorities; knows keys and certificates to be made, and how challenges are shown.
  acme: [...COMMON, 'address-list', 'credential/', 'sources/certificate-source', 'storage/storage', 'x509/'],
  // Of the sources the interface only: no handshake knows where a certificate came from.
  handshake: [...COMMON, 'credential/', 'sources/certificate-source'],
  issuance: [
    ...[...COMMON, 'acme/', 'credential/'],
    ...['sources/certificate-source', 'storage/storage', 'x509/'],
  ],
  listening: ['clock', 'errors', 'sources/certificate-source'],
  http: ['address-list', 'clock', 'credential/credential', 'credential/server-name', 'listening/'],
  // Who is let in, before the handshake.
  admission: ['address-list', 'clock'],
  // Reads authorities and lists from files, and judges clients of the handshake.
  'client-auth': [
    ...[
      'clock',
      'credential/',
      'errors',
      'files/',
      'handshake/peer-certificate',
      'handshake/policies',
      'promise-like',
    ],
  ],
  application: [
    ...[
      'admission/admission',
      'client-auth/client-auth',
      'client-auth/client-certificate-error',
      'clock',
      'credential/credential',
      'handshake/',
      'http/hsts',
      'http/misdirected',
      'http/request-authority',
    ],
    ...['listening/draining', 'reporter'],
  ],
  testing: ['errors', 'storage/storage'],
};

/** Single files that may see more, and why. */
const EXCEPTIONS: Readonly<Record<string, readonly string[]>> = {
  // A self-signed certificate that nobody wants to keep lives in a storage that forgets.
  'issuance/self-signed': ['storage/memory-storage'],
  // A file that cannot be read is explained in the same words wherever it is named.
  'issuance/acme-upkeep': ['files/file-errors'],
};

/** What only the composition root makes; index.ts hands it on to users. */
const CONCRETE = [
  'sources/directory',
  'sources/file-pair',
  'sources/from-function',
  'sources/pem-pair',
  'issuance/acme',
  'issuance/self-signed',
  'storage/file-storage',
  'storage/memory-storage',
];
const COMPOSITION_ROOT = ['create-secure-server', 'index'];

/** Packages that cost tens of milliseconds to load, and where they may be loaded, by `import()`. */
const HEAVY = [
  '@peculiar/x509',
  '@peculiar/webcrypto',
  'acme-client',
  'node-forge',
  'reflect-metadata',
  'tldts',
];
const MAY_LOAD: Readonly<Record<string, string>> = {
  '@peculiar/x509': 'x509',
  '@peculiar/webcrypto': 'x509',
  'reflect-metadata': 'x509',
  'acme-client': 'acme',
  'node-forge': 'sources',
  tldts: 'issuance',
};
/** Packages that cost as much, and the folder that imports them because all of it is loaded by `import()`. */
const HEAVY_IN: Readonly<Record<string, string>> = {
  '@peculiar/asn1-schema': 'diagnosis',
  '@peculiar/asn1-x509': 'diagnosis',
};

interface Import {
  /** `handshake/alert` for a file of ours, else the package as written. */
  readonly target: string;
  /** `value` loads it at once, `lazy` is `import()`, `type` is gone after compilation. */
  readonly kind: 'value' | 'lazy' | 'type';
}

const FILES = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.replaceAll('\\', '/').replace(/\.ts$/, ''));
const IMPORTS = new Map(FILES.map((file) => [file, importsOf(file)]));

describe('In the source tree', () => {
  it('every folder says what it may see', () => {
    const folders = new Set(FILES.map(folderOf).filter((folder) => folder !== ''));
    expect(Object.keys(MAY_SEE).sort()).toEqual([...folders].sort());
  });

  it('no folder sees more than that', () => {
    const violations = edges().filter(([file, { target }]) => !maySee(file, target));
    expect(violations.map(describeEdge)).toEqual([]);
  });

  it('no exception is out of use', () => {
    const unused = Object.entries(EXCEPTIONS).flatMap(([file, targets]) =>
      targets.filter((target) => !(IMPORTS.get(file) ?? []).some((edge) => edge.target === target)),
    );
    expect(unused).toEqual([]);
  });

  it('there is no import cycle, not even of types', () => {
    expect(cycles()).toEqual([]);
  });

  it('only the composition root knows concrete sources and stores', () => {
    const violations = edges().filter(
      ([file, { target }]) =>
        CONCRETE.includes(target) &&
        !COMPOSITION_ROOT.includes(file) &&
        !(EXCEPTIONS[file] ?? []).includes(target),
    );
    expect(violations.map(describeEdge)).toEqual([]);
    expect(CONCRETE.filter((file) => !FILES.includes(file))).toEqual([]);
  });

  it('heavy packages are loaded by import(), and only in their folder', () => {
    const violations = edges().filter(
      ([file, { target, kind }]) =>
        HEAVY.includes(target) && kind !== 'type' && (kind !== 'lazy' || folderOf(file) !== MAY_LOAD[target]),
    );
    expect(violations.map(describeEdge)).toEqual([]);
  });

  it('a folder of heavy imports is loaded by import(), and nobody else imports the like', () => {
    const folders = new Set(Object.values(HEAVY_IN));
    const violations = edges().filter(([file, { target, kind }]) => {
      if (kind === 'type') return false;
      if (Object.hasOwn(HEAVY_IN, target)) return folderOf(file) !== HEAVY_IN[target];
      return folders.has(folderOf(target)) && folderOf(file) !== folderOf(target) && kind !== 'lazy';
    });
    expect(violations.map(describeEdge)).toEqual([]);
  });

  it('the core of a server is loaded by import(), which keeps half of the code from those who start none', () => {
    const violations = edges().filter(([, { target, kind }]) => target === 'server-core' && kind === 'value');
    expect(violations.map(describeEdge)).toEqual([]);
    const eager = eagerlyLoadedBy('index');
    expect([...eager].filter((file) => file.startsWith('handshake/')).sort()).toEqual([
      'handshake/read-ahead',
      'handshake/tls-settings',
    ]);
  });

  it('node:http2 is not imported, because it costs every user 5 ms', () => {
    const violations = edges().filter(
      ([, { target, kind }]) => /^(node:)?http2$/.test(target) && kind !== 'type',
    );
    expect(violations.map(describeEdge)).toEqual([]);
  });

  it('nothing but node itself and the declared dependencies is imported', () => {
    const allowed = [
      /^node:/,
      ...[...HEAVY, ...Object.keys(HEAVY_IN)].map((name) => new RegExp(`^${name}$`)),
    ];
    const violations = edges().filter(
      ([, { target }]) => !FILES.includes(target) && !allowed.some((pattern) => pattern.test(target)),
    );
    expect(violations.map(describeEdge)).toEqual([]);
  });

  it('index.ts only hands on, name by name', () => {
    const source = parse('index');
    const others = source.statements.filter((statement) => !isNamedReExport(statement));
    expect(others.map((statement) => statement.getText(source))).toEqual([]);
  });
});

describe('The reader of imports', () => {
  it('tells apart what loads at once, what is lazy, and what is gone after compilation', () => {
    const text = [
      "import { a } from './a.js';",
      "import { type B } from './b.js';",
      "import type { C } from './c.js';",
      "import { d, type D } from './d.js';",
      "import './e.js';",
      "export { f } from './f.js';",
      "export type { G } from './g.js';",
      "const h = import('h');",
      "let i: import('i').I;",
    ].join('\n');
    expect(importsIn(ts.createSourceFile('x/y.ts', text, ts.ScriptTarget.ES2022, true), 'x/y')).toEqual([
      { target: 'x/a', kind: 'value' },
      { target: 'x/b', kind: 'value' },
      { target: 'x/c', kind: 'type' },
      { target: 'x/d', kind: 'value' },
      { target: 'x/e', kind: 'value' },
      { target: 'x/f', kind: 'value' },
      { target: 'x/g', kind: 'type' },
      { target: 'h', kind: 'lazy' },
      { target: 'i', kind: 'type' },
    ]);
  });
});

function edges(): (readonly [file: string, edge: Import])[] {
  return [...IMPORTS].flatMap(([file, imports]) => imports.map((edge) => [file, edge] as const));
}

function describeEdge([file, { target, kind }]: readonly [string, Import]): string {
  return `${file} -> ${target} (${kind})`;
}

function maySee(file: string, target: string): boolean {
  const folder = folderOf(file);
  if (folder === '' || !FILES.includes(target) || folderOf(target) === folder) return true;
  const allowed = [...(MAY_SEE[folder] ?? []), ...(EXCEPTIONS[file] ?? [])];
  return allowed.some((path) => (path.endsWith('/') ? target.startsWith(path) : target === path));
}

function folderOf(file: string): string {
  return file.includes('/') ? file.slice(0, file.indexOf('/')) : '';
}

/** What the first import of a file loads with it. */
function eagerlyLoadedBy(file: string, loaded = new Set<string>()): Set<string> {
  if (!FILES.includes(file) || loaded.has(file)) return loaded;
  loaded.add(file);
  for (const { target, kind } of IMPORTS.get(file) ?? [])
    if (kind === 'value') eagerlyLoadedBy(target, loaded);
  return loaded;
}

/** Every cycle once, as a path that ends where it began. */
function cycles(): string[] {
  const found: string[] = [];
  const path: string[] = [];
  const done = new Set<string>();
  const visit = (file: string): void => {
    if (path.includes(file)) found.push([...path.slice(path.indexOf(file)), file].join(' -> '));
    if (path.includes(file) || done.has(file)) return;
    path.push(file);
    for (const { target } of IMPORTS.get(file) ?? []) if (FILES.includes(target)) visit(target);
    path.pop();
    done.add(file);
  };
  for (const file of FILES) visit(file);
  return found;
}

function importsOf(file: string): Import[] {
  return importsIn(parse(file), file);
}

function parse(file: string): ts.SourceFile {
  const path = join(SRC, `${file}.ts`);
  return ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.ES2022, true);
}

function importsIn(source: ts.SourceFile, file: string): Import[] {
  const imports: Import[] = [];
  const add = (specifier: ts.Node | undefined, kind: Import['kind']): void => {
    if (specifier !== undefined && ts.isStringLiteral(specifier))
      imports.push({ target: targetOf(specifier.text, file), kind });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node))
      add(node.moduleSpecifier, kindOf(node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword));
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, kindOf(node.isTypeOnly));
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument))
      add(node.argument.literal, 'type');
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node.arguments[0], 'lazy');
    ts.forEachChild(node, visit);
  };
  visit(source);
  return imports;
}

function targetOf(specifier: string, file: string): string {
  if (!specifier.startsWith('.')) return specifier;
  return relative(SRC, join(SRC, dirname(file), specifier))
    .replaceAll('\\', '/')
    .replace(/\.js$/, '');
}

/** `import { type T } from 'p'` is no type import: with `verbatimModuleSyntax` it stays as `import 'p'`, and loads p. */
function kindOf(isTypeOnly: boolean): Import['kind'] {
  return isTypeOnly ? 'type' : 'value';
}

function isNamedReExport(statement: ts.Statement): boolean {
  if (!ts.isExportDeclaration(statement)) return false;
  const { exportClause, moduleSpecifier } = statement;
  return moduleSpecifier !== undefined && exportClause !== undefined && ts.isNamedExports(exportClause);
}
