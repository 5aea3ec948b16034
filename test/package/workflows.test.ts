import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runChild } from "../../scripts/child";
import { CHECKOUT, manifest } from "./manifest";
import { SUPPORTED_NODES } from "./tools";
import { readWorkflow } from "./workflow";

const WORKFLOWS = {
  ci: readWorkflow("ci"),
  nightly: readWorkflow("nightly"),
  release: readWorkflow("release"),
};

for (const [name, workflow] of Object.entries(WORKFLOWS)) {
  describe(`the workflow ${name}`, () => {
    it("pins each action to a commit, and names its version", () => {
      assert.notDeepEqual(workflow.actions, []);
      for (const action of workflow.actions) {
        assert.match(action, /^actions\/[\w-]+@[0-9a-f]{40}$/);
        assert.match(workflow.text, new RegExp(`${action} # v\\d+\\.\\d+\\.\\d+\n`));
      }
    });

    it("uses no long-lived secret", () => {
      assert.doesNotMatch(workflow.text, /secrets\./);
    });

    it("leaves no credential in the checkout", () => {
      const checkouts = Object.values(workflow.jobs)
        .flatMap(({ steps }) => steps)
        .filter(({ uses }) => uses?.startsWith("actions/checkout@"));
      assert.notDeepEqual(checkouts, []);
      for (const { with: inputs } of checkouts) {
        assert.equal(inputs?.["persist-credentials"], false);
      }
    });

    it("has valid bash scripts that nobody can inject code into", async () => {
      assert.notDeepEqual(workflow.scripts, []);
      for (const { run } of workflow.scripts) {
        assert.ok(!run.includes("${{"), `${run}: take it from the environment`);
        const parsed = await runChild("bash", ["-n", "-c", run]);
        assert.equal(parsed.exitCode, 0, parsed.output);
      }
    });
  });
}

describe("the workflow ci", () => {
  const { ci } = WORKFLOWS;

  it("has only read permission", () => {
    assert.deepEqual(ci.permissions, { contents: "read" });
    assert.deepEqual(
      Object.values(ci.jobs).map(({ permissions }) => permissions),
      [undefined],
    );
  });

  it("runs on every Node that the package supports", () => {
    assert.deepEqual(ci.jobs["test"]?.strategy?.matrix["node"], SUPPORTED_NODES);
    assert.ok(manifest.engines.node.startsWith(`>=${SUPPORTED_NODES[0]}.`), manifest.engines.node);
  });

  it("runs the commands of the README, and the suites that depend on Node on each version", () => {
    assert.deepEqual(
      ci.scripts.map(({ run }) => run),
      [...readmeCommands("## Try it"), "npm test -- unit contract package"],
    );
  });
});

describe("the workflow nightly", () => {
  const { nightly } = WORKFLOWS;

  it("runs every variant of every test, and many random faults", () => {
    assert.deepEqual(
      nightly.scripts.map(({ run }) => run),
      ["npm ci", "npm run test:nightly", "npm run chaos"],
    );
    assert.equal(manifest.scripts["test:nightly"], "TEST_EXHAUSTIVE=true npm test");
    assert.deepEqual(nightly.permissions, { contents: "read" });
  });
});

describe("the workflow release", () => {
  const { release } = WORKFLOWS;

  it("starts only for the tag of a version", () => {
    assert.deepEqual(release.on, { push: { tags: ["v*"] } });
  });

  it("runs the tests first, and gives each job only the permission that it needs", () => {
    assert.deepEqual(release.permissions, {});
    assert.deepEqual(
      Object.entries(release.jobs).map(([name, { needs, permissions }]) => [
        name,
        needs,
        permissions,
      ]),
      [
        ["pack", undefined, { contents: "read" }],
        ["publish", "pack", { "id-token": "write" }],
        ["release", "publish", { contents: "write" }],
      ],
    );
    const scripts = release.jobs["pack"]?.steps.map(({ name, run }) => name ?? run);
    assert.ok(scripts);
    assert.ok(scripts.indexOf("npm test") < scripts.indexOf("Pack"), scripts.join());
    assert.ok(scripts.includes("npm test"));
  });

  it("runs no code of the repository in jobs that can publish", () => {
    for (const job of ["publish", "release"]) {
      assert.doesNotMatch(JSON.stringify(release.jobs[job]), /checkout|npm ci|npm install(?! -)/);
    }
  });

  it("publishes with a version of npm that supports trusted publishing", () => {
    const [, version = ""] = /--global npm@(\S+)/.exec(release.text) ?? [];
    const [major = 0, minor = 0, patch = 0] = version.split(".").map(Number);
    assert.ok(major * 1e6 + minor * 1e3 + patch >= 11_005_001, version);
  });
});

/** The lines of the first block of shell commands under a heading, without comments. */
function readmeCommands(heading: string): string[] {
  const readme = readFileSync(join(CHECKOUT, "README.md"), "utf8");
  const [, block = ""] = /```sh\n(.*?)```/s.exec(readme.slice(readme.indexOf(heading))) ?? [];
  return block
    .trim()
    .split("\n")
    .map((line) => line.replace(/\s+#.*/, ""));
}
