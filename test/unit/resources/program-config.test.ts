import assert from "node:assert/strict";
import { RunError, runtime } from "@pulumi/pulumi";

type ProgramConfig = typeof import("../../../provider/resources/program-config");

/** As a program does: with nothing checked before. */
function load(): ProgramConfig {
  const path = require.resolve("../../../provider/resources/program-config");
  delete require.cache[path];
  return require(path) as ProgramConfig;
}

describe("resources/program-config", () => {
  const before = runtime.allConfig();
  afterEach(() => runtime.setAllConfig(before));

  it("refuses a setting that means nothing, by its name and without a stack", () => {
    runtime.setAllConfig({ "flexprice:apikey": "a slip", "aws:region": "x" });
    assert.throws(
      () => load().refuseUnknownSettings(),
      (error) =>
        error instanceof RunError &&
        error.message.startsWith(
          "Could not use flexprice:apikey.\n  Reason: config key flexprice:apikey is unknown",
        ),
    );
  });

  it("accepts those that mean something, and those of others", () => {
    runtime.setAllConfig({ "flexprice:apiKey": "k", "flexprice:preflight": "true", "aws:x": "y" });
    load().refuseUnknownSettings();
  });

  it("looks once a program", () => {
    const { refuseUnknownSettings } = load();
    refuseUnknownSettings();
    runtime.setAllConfig({ "flexprice:apikey": "a slip" });
    refuseUnknownSettings();
  });
});
