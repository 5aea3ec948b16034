// Mocha's usual output. Writes totals and failures as JSON to the file in the reporter option `counts`, for a runner that
// adds up several suites. Without this file, mocha did not finish.
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
