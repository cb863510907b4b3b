// Makes the ES modules in dist/ quick to import, which esbuild has no options for.
//
// Node's ES module loader wraps every builtin that is imported, at a third of a millisecond each: they are taken from
// `process.getBuiltinModule` instead, which does not; every supported Node has it.
//
// And it takes over a millisecond for each further file. What index.js loads at once is therefore all in index.js
// itself. The pieces that are loaded later need much of it that is not public; they find it in internals.js, where
// index.js puts it when it first loads one of them.
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';

const dist = new URL('../dist/', import.meta.url);
const BUILTIN = /^import \{([^}]*)\} from ['"](node:[a-z/0-9_]+)['"];$/gm;
const PUBLIC = /^export \{([^}]*)\} from '\.\/(chunk-[A-Z0-9]+\.js)';$/m;

const modules = new Map();
for (const name of (await readdir(dist)).filter((file) => file.endsWith('.js'))) {
  modules.set(name, await readFile(new URL(name, dist), 'utf8'));
}
const [, publicNames, eager] = PUBLIC.exec(modules.get('index.js'));

for (const [name, text] of modules) {
  const lighter = withBuiltins(name === eager ? asIndex(text) : asPiece(text));
  const left = /^(import|export) .* from ['"]node:.*$/m.exec(lighter);
  if (left !== null) throw new Error(`dist/${name} still has: ${left[0]}`);
  if (lighter.includes(`'./${eager}'`)) throw new Error(`dist/${name} still needs ${eager}`);
  if (name !== 'index.js') await writeFile(new URL(name === eager ? 'index.js' : name, dist), lighter);
}
await rename(new URL(`${eager}.map`, dist), new URL('index.js.map', dist));
await rm(new URL(eager, dist));
await writeFile(
  new URL('internals.js', dist),
  'let internals;\nconst share = (given) => {\n  internals = given;\n};\nexport { internals, share };\n',
);

/** The eager chunk as index.js: it exports what is public and shares the rest with the pieces. */
function asIndex(text) {
  const [statement, names] = /^export \{([^}]*)\};$/m.exec(text);
  const shared = names.split(',').map((name) => name.trim().split(' as '));
  const entries = shared.map(([local, exported = local]) => `${exported}: ${local}`).join(', ');
  const sharing = `const shareInternals = async () => (await import('./internals.js')).share({ ${entries} });`;
  return text
    .replaceAll(/\bimport\('(\.\/[^']*)'\)/g, "shareInternals().then(() => import('$1'))")
    .replace(statement, `export {${publicNames}};\n${sharing}`)
    .replaceAll(eager, 'index.js');
}

/** A piece that is loaded later. */
function asPiece(text) {
  return text
    .replaceAll(new RegExp(`^export \\{[^}]*\\} from '\\./${eager}';$`, 'gm'), '')
    .replace(
      new RegExp(`^import \\{([^}]*)\\} from '\\./${eager}';$`, 'm'),
      (_, names) =>
        `import { internals } from './internals.js';\nconst {${destructured(names)}} = internals;`,
    );
}

function withBuiltins(text) {
  return text.replace(
    BUILTIN,
    (_, names, builtin) => `const {${destructured(names)}} = process.getBuiltinModule('${builtin}');`,
  );
}

function destructured(names) {
  return names.replaceAll(' as ', ': ');
}
