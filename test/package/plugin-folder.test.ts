import assert from "node:assert/strict";
import { cpSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import schema from "../../provider/plugin/schema.json";
import { ensurePulumi } from "../../scripts/pulumi-cli";
import { output } from "./command";
import { CHECKOUT } from "./manifest";
import { pluginLife } from "./plugin-life";

describe("the plugin's folder", () => {
  let scratch: string;
  let folder: string;
  before(() => {
    // The CLI installs dependencies in the folder, and so writes into it.
    scratch = realpathSync(mkdtempSync(join(tmpdir(), "pulumi-flexprice-folder-")));
    cpSync(join(CHECKOUT, "dist"), join(scratch, "dist"), { recursive: true });
    symlinkSync(join(CHECKOUT, "node_modules"), join(scratch, "node_modules"));
    folder = join(scratch, "dist", "plugin");
  });
  after(() => rmSync(scratch, { recursive: true, force: true }));

  it("returns the schema to commands that generate SDKs", async () => {
    const { binary } = await ensurePulumi();
    const env = {
      ...process.env,
      PULUMI_HOME: join(scratch, "home"),
      PULUMI_SKIP_UPDATE_CHECK: "true",
    };
    const printed = await output(binary, ["package", "get-schema", folder], { env, cwd: scratch });
    assert.deepEqual(JSON.parse(printed), schema);
  });

  it("works as a package of Pulumi.yaml", async () => {
    await pluginLife({ project: { packages: { flexprice: folder } }, ownProcess: true });
  });
});
