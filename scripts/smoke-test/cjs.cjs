// From CJS: every entry point loads, and a page is served.
const assert = require('node:assert/strict');
const tlsmith = require('tlsmith');
const testing = require('tlsmith/testing');

assert.ok(Object.keys(testing).length > 0);
require('./serves-a-page.cjs')(tlsmith);
