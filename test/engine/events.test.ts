import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readEngineLog } from "../../scripts/events";

describe("the reader of the engine's events", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "pulumi-flexprice-events-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("sorts the properties that force a replacement", () => {
    const orders = [
      ["connection", "adopt", "serviceAccountId"],
      ["serviceAccountId", "connection", "adopt"],
    ];
    const read = orders.map((keys) => {
      const metadata = { op: "replace", urn: "urn:pulumi:s::p::t::n", type: "t", keys };
      const file = join(folder, "events.log");
      writeFileSync(file, `${JSON.stringify({ resourcePreEvent: { metadata } })}\n`);
      return readEngineLog(file).steps.map(({ replaceKeys }) => replaceKeys);
    });
    assert.deepEqual(read[0], read[1]);
    assert.deepEqual(read[0], [["adopt", "connection", "serviceAccountId"]]);
  });
});
