// Mocha's usual output, and the totals with what failed as JSON in the file named by the reporter option `counts`,
// for a runner that adds up several suites. No file means that mocha did not come to its end.
"use strict";

const { writeFileSync } = require("node:fs");
const { reporters, Runner } = require("mocha");

module.exports = class CountingReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const { counts } = options?.reporterOptions ?? {};
    if (!counts) return;
    runner.once(Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures, pending } = this.stats;
      const why = this.failures.map(
        (test) => `${test.fullTitle()}\n${test.err?.stack ?? test.err}`,
      );
      writeFileSync(
        counts,
        JSON.stringify({ passed: passes, failed: failures, skipped: pending, why }),
      );
    });
  }
};
