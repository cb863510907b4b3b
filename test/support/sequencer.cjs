// The test files that take longest come first, whatever is known of earlier runs: else one of them begins when there is
// nothing left to run beside it.
const { default: Sequencer } = require('@jest/test-sequencer');

const LONGEST = [
  'test/kills/kills.test.ts',
  'test/end-to-end/acme-processes-lost.test.ts',
  'test/examples.test.ts',
  'test/sources/directory/hostile.test.ts',
  'test/end-to-end/swaps-at-a-rate.test.ts',
  'test/end-to-end/acme-processes.test.ts',
  'test/end-to-end/acme-authorities.test.ts',
  'test/end-to-end/without-notifications.test.ts',
  'test/end-to-end/acme-revocation.test.ts',
  'test/simulation/year.test.ts',
  'test/sources/directory/kept-pairs.test.ts',
  'test/credential/hostile.test.ts',
  'test/inspections.test.ts',
  'test/nonces/nonces.test.ts',
];

class LongestFirst extends Sequencer {
  sort(tests) {
    return super.sort(tests).sort((one, other) => placeOf(one) - placeOf(other));
  }
}

function placeOf({ path }) {
  const place = LONGEST.findIndex((file) => path.replaceAll('\\', '/').endsWith(`/${file}`));
  return place === -1 ? LONGEST.length : place;
}

module.exports = LongestFirst;
module.exports.LONGEST = LONGEST;
