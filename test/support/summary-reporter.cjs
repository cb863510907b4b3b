// Prints the outcome as one plain line on stdout (jest's own summary goes to stderr), for whoever reads logs by
// machine. A file that could not run at all, or that left handles open, counts as one failure.
const PATIENCE_MS = 3_000;

module.exports = class SummaryReporter {
  constructor(globalConfig) {
    this.isWatching = globalConfig.watch || globalConfig.watchAll;
  }

  onRunComplete(_, results) {
    const failed = results.numFailedTests + results.testResults.filter(failedOutsideItsTests).length;
    const skipped = results.numPendingTests + results.numTodoTests;
    process.stdout.write(`\n${results.numPassedTests} passed, ${failed} failed, ${skipped} skipped\n`);
    // A leaked handle that failed its file would also keep jest from ending, for ever.
    if (failed > 0 && !this.isWatching) setTimeout(() => process.exit(1), PATIENCE_MS).unref();
  }
};

function failedOutsideItsTests(file) {
  return file.testExecError !== undefined || (file.failureMessage && file.numFailingTests === 0);
}
