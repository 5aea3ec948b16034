import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensurePulumi } from "../../scripts/pulumi-cli";
import { output } from "./command";
import { CHECKOUT } from "./manifest";

describe("the schema of the plugin", () => {
  let home: string;
  before(() => {
    home = mkdtempSync(join(tmpdir(), "flexprice-schema-"));
  });
  after(() => rmSync(home, { recursive: true, force: true }));

  it("passes pulumi schema check", async () => {
    const { binary } = await ensurePulumi();
    await output(binary, ["schema", "check", join(CHECKOUT, "dist", "plugin", "schema.json")], {
      env: { ...process.env, PULUMI_HOME: home },
    });
  });
});
