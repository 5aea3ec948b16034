// Loaded by NODE_OPTIONS into every Node process of an operation. The engine ends its provider process without a chance
// to say anything, so that one notes what it has used so far, again and again.
"use strict";

const { renameSync, writeFileSync } = require("node:fs");

const file = process.env.BENCHMARK_USAGE_FILE;

if (file !== undefined && /dynamic-provider|plugin.main\.js/.test(process.argv[1] ?? "")) {
  setInterval(() => {
    const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
    const usage = { peakBytes: maxRSS * 1024, cpuSeconds: (userCPUTime + systemCPUTime) / 1e6 };
    // The process may be killed at any moment: the file is whole at all times.
    writeFileSync(`${file}.new`, JSON.stringify(usage));
    renameSync(`${file}.new`, file);
  }, 50).unref();
}
