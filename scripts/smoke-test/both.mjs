// Both ways of loading in one process: the same exports, and one library behind them.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import * as esm from 'tlsmith';
import * as esmTesting from 'tlsmith/testing';

const require = createRequire(import.meta.url);
const cjs = require('tlsmith');

assert.deepEqual(exportsOf(cjs), exportsOf(esm));
assert.deepEqual(exportsOf(require('tlsmith/testing')), exportsOf(esmTesting));
for (const name of exportsOf(esm)) assert.equal(typeof cjs[name], typeof esm[name], name);
assert.equal(cjs.TlsmithError, esm.TlsmithError);
assert.ok((await errorOf(esm)) instanceof cjs.TlsmithError);
assert.ok(esm.isTlsmithError(await errorOf(cjs)));
assert.ok(cjs.isTlsmithError(await errorOf(esm)));
assert.ok(!esm.isTlsmithError(new Error('another')));

function exportsOf(module) {
  return Object.keys(module)
    .filter((name) => name !== 'default' && name !== '__esModule' && name !== 'module.exports')
    .sort();
}

/** An error that really comes from inside: a certificate that is none. */
async function errorOf({ createSecureServer, pemPair }) {
  const options = { sources: pemPair({ cert: 'nonsense', key: 'nonsense' }), logger: false };
  const secure = createSecureServer(options, () => undefined);
  return secure.start().then(
    () => assert.fail('A nonsense certificate was accepted.'),
    (error) => error,
  );
}
