import assert from "node:assert/strict";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ensureLanguage } from "../../../scripts/pulumi-cli/languages";
import { ensurePython } from "../../../scripts/pulumi-cli/python";
import { PulumiWorkspace } from "../../../scripts/workspace";
import { atNight } from "../../support/sample";

interface Kind {
  language: "python" | "go";
  /** Files of a program whose body is this. */
  files: (body: string) => Record<string, string>;
  failing: string;
  sleeping: string;
  /** Gives a program's folder what it runs in. */
  equip: (folder: string) => Promise<void>;
}

const KINDS: readonly Kind[] = [
  {
    language: "python",
    files: (body) => ({
      "Pulumi.yaml": "name: test\nruntime:\n  name: python\n  options:\n    virtualenv: venv\n",
      "__main__.py": `import time\nimport pulumi\n${body}\n`,
    }),
    failing: 'raise Exception("out of luck")',
    sleeping: 'print("sleeping", flush=True)\ntime.sleep(60)',
    equip: async (folder) => symlinkSync(await ensurePython(), join(folder, "venv")),
  },
  {
    language: "go",
    files: (body) => ({
      "Pulumi.yaml": "name: test\nruntime: go\n",
      "go.mod": "module test\n\ngo 1.25\n\nrequire github.com/pulumi/pulumi/sdk/v3 v3.250.0\n",
      "main.go": `package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

var fail, nap, say = errors.New, time.Sleep, fmt.Println

func main() {
	pulumi.Run(func(ctx *pulumi.Context) error {
		${body}
	})
}
`,
    }),
    failing: 'return fail("out of luck")',
    sleeping: 'say("sleeping")\n\t\tnap(time.Minute)\n\t\treturn nil',
    equip: async () => {},
  },
];

atNight(() => {
  for (const { language, files, failing, sleeping, equip } of KINDS) {
    describe(`the language host for ${language}`, () => {
      let folder: string;
      let workspace: PulumiWorkspace;

      async function open(body: string): Promise<void> {
        for (const [name, text] of Object.entries(files(body))) {
          writeFileSync(join(folder, name), text);
        }
        const env = { GOFLAGS: "-mod=mod" };
        workspace = await PulumiWorkspace.create({ program: folder, env });
      }

      beforeEach(async function () {
        this.timeout(30 * 60_000);
        folder = mkdtempSync(join(tmpdir(), "pulumi-flexprice-host-"));
        await ensureLanguage(language);
        await equip(folder);
      });
      afterEach(async () => {
        await workspace?.dispose();
        rmSync(folder, { recursive: true });
      });

      it("reports a program that fails only once", async () => {
        await open(failing);
        const up = await workspace.up();
        assert.notEqual(up.exitCode, 0, up.output);
        const errors = up.diagnostics.filter(({ severity }) => severity === "error");
        assert.deepEqual(
          errors.map(({ message }) => message.match(/out of luck/)?.[0]),
          ["out of luck"],
          up.output,
        );
      });

      it("ends with its program when the CLI is killed", async () => {
        await open(sleeping);
        const operation = workspace.start("up");
        await operation.waitForOutput(/sleeping/, 60_000);
        assert.notEqual(workspace.processes().length, 0);
        operation.kill("SIGKILL");
        await operation.done;
        const deadline = Date.now() + 20_000;
        while (workspace.processes().length > 0 && Date.now() < deadline) await sleep(50);
        assert.deepEqual(workspace.processes(), []);
      });
    });
  }
});
