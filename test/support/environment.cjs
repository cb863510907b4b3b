// Errors that Node's core throws belong to the realm outside jest's sandbox, so `instanceof Error` is false for
// them inside. Teaching the sandbox's classes to recognise the outer ones mends that for tests; the library
// itself never decides by `instanceof`.
//
// It sees to it that no test asks a name server outside of this machine.
//
// It also fails a test file that leaves handles open. That is done here because jest runs the afterAll of a
// set-up file before those of the test file, which close what the test opened.
const { setServers } = require('node:dns');
const { TestEnvironment } = require('jest-environment-node');
const { leakSince, openHandles } = require('./leaks.cjs');

const NAMES = [
  'Error',
  'TypeError',
  'RangeError',
  'SyntaxError',
  'AggregateError',
  'Array',
  'Map',
  'Set',
  'Promise',
  'Object',
  'Uint8Array',
];
/** Nothing answers there. */
const NO_NAME_SERVER = '127.0.0.1:9';
const ordinary = Function.prototype[Symbol.hasInstance];

module.exports = class extends TestEnvironment {
  handlesBefore = openHandles();

  async setup() {
    await super.setup();
    setServers([NO_NAME_SERVER]);
    for (const name of NAMES) {
      const inner = this.global[name];
      const outer = globalThis[name];
      Object.defineProperty(inner, Symbol.hasInstance, {
        configurable: true,
        value(candidate) {
          return ordinary.call(this, candidate) || (this === inner && ordinary.call(outer, candidate));
        },
      });
    }
  }

  async handleTestEvent(event, state) {
    if (event.name !== 'run_finish') return;
    const leak = await leakSince(this.handlesBefore);
    if (leak !== undefined) state.unhandledErrors.push(leak);
  }
};
