import assert from "node:assert/strict";
import { accountWithKey, openBench } from "../support/bench";

describe("a setting that does not exist", () => {
  it("fails the preview, by its name and with the command that removes it", async () => {
    const bench = await openBench(accountWithKey());
    try {
      await bench.workspace.setConfig({ "flexprice:apikey": { value: "a slip" } });
      const preview = await bench.workspace.preview();
      assert.notEqual(preview.exitCode, 0);
      assert.match(preview.output, /config key flexprice:apikey is unknown/);
      assert.match(preview.output, /pulumi config rm flexprice:apikey/);
      assert.ok(!/\bat .*\(.*:\d+:\d+\)/.test(preview.output), "no stack trace");
      assert.deepEqual(bench.emulator.requests, []);
    } finally {
      await bench.dispose();
    }
  });
});
