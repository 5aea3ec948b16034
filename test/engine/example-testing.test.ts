import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, delimiter, join, resolve } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { runChild } from "../../scripts/child";
import { ensurePulumi } from "../../scripts/pulumi-cli";
import { nightly } from "../support/sample";

const CHECKOUT = resolve(__dirname, "..", "..");
const TIMEOUT_MS = 10 * 60_000;
const EXAMPLE = join(CHECKOUT, "examples", "testing");

describe("the example testing", () => {
  // Inside the checkout, where it finds its packages. Its stack's config is written next to the program.
  const folder = join(CHECKOUT, ".scratch", randomBytes(6).toString("hex"));
  const home = mkdtempSync(join(tmpdir(), "pulumi-flexprice-home-"));
  before(() => {
    const filter = (source: string) => basename(source) !== "node_modules";
    cpSync(EXAMPLE, folder, { recursive: true, filter });
  });
  after(() => {
    for (const path of [folder, home]) rmSync(path, { recursive: true, force: true });
  });

  nightly(
    "passes as its README shows, in any environment, and leaves nothing behind",
    async function () {
      // A dozen operations of the engine, one after the other.
      this.timeout(TIMEOUT_MS);
      const files = readdirSync(folder, { recursive: true }).sort();
      const { directory } = await ensurePulumi();
      const env = {
        ...process.env,
        PATH: [directory, process.env["PATH"]].join(delimiter),
        PULUMI_HOME: home,
        PULUMI_NODEJS_TRANSPILE_ONLY: "true",
        FLEXPRICE_ACCESS_TOKEN: "a-token-of-the-surrounding-shell",
        FLEXPRICE_PREFLIGHT: "false",
      };
      const options = { cwd: folder, timeoutMs: TIMEOUT_MS, env };
      const { exitCode, output } = await runChild("npm", ["test"], options);
      assert.equal(exitCode, 0, output);
      const readme = readFileSync(join(EXAMPLE, "README.md"), "utf8");
      const [, shown = ""] = /\$ npm test\n…\n(.*?)\n```/s.exec(readme) ?? [];
      assert.match(shown, /passing$/);
      // Mocha colors its marks wherever CI is set.
      const printed = stripVTControlCharacters(output).replaceAll(/ \(\d+m?s\)| \(\d+m\)/g, "");
      assert.ok(printed.includes(shown), output);
      assert(readme.includes("`npm run test:node`"));
      const withNode = await runChild("npm", ["run", "test:node"], options);
      assert.equal(withNode.exitCode, 0, withNode.output);
      assert.match(withNode.output, /pass 1\n/);
      assert.deepEqual(readdirSync(folder, { recursive: true }).sort(), files);
      // The CLI writes a log even to print its version.
      assert.deepEqual(readdirSync(home), ["logs"]);
    },
  );
});
