// From ESM: every entry point loads, and a page is served.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import * as tlsmith from 'tlsmith';
import * as testing from 'tlsmith/testing';

const require = createRequire(import.meta.url);
assert.equal(require('tlsmith/package.json').name, 'tlsmith');
assert.ok(Object.keys(testing).length > 0);
await assert.rejects(import('tlsmith/dist/index.js'), { code: 'ERR_PACKAGE_PATH_NOT_EXPORTED' });
await require('./serves-a-page.cjs')(tlsmith);
