// After a run of jest: removes what compile-programs.cjs has made.
const { rm } = require('node:fs/promises');

module.exports = async function removePrograms() {
  await rm(process.env.TLSMITH_TEST_PROGRAMS, { recursive: true, force: true });
};
