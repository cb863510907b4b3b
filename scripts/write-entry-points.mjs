// Writes what node loads for `tlsmith` and `tlsmith/testing`: small files over the library, which is CommonJS for both ways
// of loading, so that a process has it once.
//
// An import compiles next to nothing. The library is loaded by the first function that is called: a program that
// imports it for one of its commands, or a worker that serves nothing, does not pay for it. Classes and constants are
// loaded at once. Bundlers cannot see through this; for them there is dist/module (the condition `module`).
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

const dist = new URL('../dist/', import.meta.url);
const require = createRequire(import.meta.url);
const library = require('../dist/library.cjs');
const errors = Object.keys(require('../dist/errors.cjs')).filter((name) => name in library);
const functions = Object.keys(library).filter((name) => !errors.includes(name));
const testing = Object.keys(require('../dist/testing.cjs'));

const loaded = `let loaded;\nconst library = () => (loaded ??= require('./library.cjs'));\n`;
// Not by an import: node's loader wraps each builtin that is imported, at a third of a millisecond.
const ownRequire =
  "const require = process.getBuiltinModule('node:module').createRequire(import.meta.url);\n";
const eager = `const { ${errors.join(', ')} } = require('./errors.cjs');\n`;
const names = [...errors, ...functions].join(', ');

await write(
  'index.js',
  `${ownRequire}${loaded}${eager}${functions.map(lazy).join('')}export { ${names} };\n`,
);
await write('index.cjs', `'use strict';\n${loaded}${eager}${functions.map(lazy).join('')}${exported()}`);
await write(
  'testing.js',
  `${ownRequire}const { ${testing.join(', ')} } = require('./testing.cjs');\nexport { ${testing.join(', ')} };\n`,
);

/** A function that loads the library when it is called. */
function lazy(name) {
  if (!/^function/.test(String(library[name]))) throw new Error(`${name} is no function: it cannot be lazy.`);
  return `function ${name}(...given) {\n  return library().${name}(...given);\n}\n`;
}

/** In the form that node's loader of modules finds the names in. */
function exported() {
  return `module.exports = { ${names} };\n`;
}

async function write(name, text) {
  await writeFile(new URL(name, dist), text);
}
