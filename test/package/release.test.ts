import assert from "node:assert/strict";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { output } from "./command";
import { CHECKOUT, manifest } from "./manifest";
import { startRegistry } from "./registry";
import { readWorkflow, runScript, scriptOf } from "./workflow";

const RELEASE = readWorkflow("release");
const { version } = manifest;

const CHANGELOG = `# Changelog

## 99.0.0 (2030-01-01)

What comes later.

## ${version} (2030-01-01)

What is new.

## ${version}0 (2029-01-01)

What was before.
`;

describe("the steps of the workflow release", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "pulumi-flexprice-release-"));
    cpSync(join(CHECKOUT, "package.json"), join(folder, "package.json"));
    writeFileSync(join(folder, "CHANGELOG.md"), CHANGELOG);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const check = (tag: string) =>
    runScript(
      scriptOf(RELEASE, "Check that the tag, package.json and CHANGELOG.md mean the same version"),
      folder,
      { GITHUB_REF_NAME: tag },
    );

  it("read the notes of the tagged version from the changelog", async () => {
    const { exitCode, output } = await check(`v${version}`);
    assert.equal(exitCode, 0, output);
    assert.equal(readFileSync(join(folder, "release", "notes.md"), "utf8").trim(), "What is new.");
  });

  for (const tag of [`v${version}0`, version, "v99.0.0", `v${version}-rc.1`]) {
    it(`reject the tag ${tag}`, async () => {
      const { exitCode, output } = await check(tag);
      assert.equal(exitCode, 1);
      assert.equal(
        output,
        `::error::The tag is ${tag}, but package.json has version ${version}.\n`,
      );
    });
  }

  for (const [what, changelog] of Object.entries({
    "does not have the version": CHANGELOG.replace(`## ${version} `, "## 98.0.0 "),
    "calls the version unreleased": CHANGELOG.replace(
      `## ${version} (2030-01-01)`,
      `## ${version} (unreleased)`,
    ),
    "has no text for the version": CHANGELOG.replace("What is new.", " "),
  })) {
    it(`reject a changelog that ${what}`, async () => {
      writeFileSync(join(folder, "CHANGELOG.md"), changelog);
      const { exitCode, output } = await check(`v${version}`);
      assert.equal(exitCode, 1);
      assert.equal(
        output,
        `::error::CHANGELOG.md has nothing under a heading "## ${version} (YYYY-MM-DD)".\n`,
      );
    });
  }

  it("pack with the repository's URL, and publish publicly, only with provenance", async () => {
    cpSync(join(CHECKOUT, "dist"), join(folder, "dist"), { recursive: true });
    await check(`v${version}`);
    const packed = await runScript(scriptOf(RELEASE, "Pack"), folder, {
      GITHUB_SERVER_URL: "https://git.example.com",
      GITHUB_REPOSITORY: "somebody/pulumi-flexprice",
      npm_config_ignore_scripts: "true",
    });
    assert.equal(packed.exitCode, 0, packed.output);
    const release = join(folder, "release");
    const tarball = `pulumi-flexprice-${version}.tgz`;
    assert.deepEqual(readdirSync(release).sort(), ["notes.md", tarball]);
    const published = await output("tar", ["-xzOf", tarball, "package/package.json"], {
      cwd: release,
    });
    assert.deepEqual(JSON.parse(published).repository, {
      type: "git",
      url: "git+https://git.example.com/somebody/pulumi-flexprice.git",
    });

    const script = scriptOf(RELEASE, "Publish");
    const registry = await startRegistry();
    try {
      // Provenance needs GitHub's machines, and nothing is published without it.
      const elsewhere = await runScript(script, release, { ...registry.env, GITHUB_ACTIONS: "" });
      assert.equal(elsewhere.exitCode, 1);
      assert.match(elsewhere.output, /provenance generation/i);
      assert.deepEqual(registry.publications, []);

      const without = script.replace(" --provenance", "");
      const plain = await runScript(without, release, registry.env);
      assert.equal(plain.exitCode, 0, plain.output);
      assert.deepEqual(
        registry.publications.map(({ access, versions }) => [access, Object.keys(versions)]),
        [["public", [version]]],
      );
    } finally {
      await registry.stop();
    }
  });

  it("build the plugin into the folder of the release", () => {
    assert.equal(scriptOf(RELEASE, "Pack the plugin"), "npm run plugin:archive -- release");
    assert.match(manifest.scripts["plugin:archive"] ?? "", / scripts\/plugin-archive\/index\.ts$/);
  });

  it("create a GitHub release with notes, package and plugin", async () => {
    const plugin = `pulumi-resource-flexprice-v${version}-linux-amd64.tar.gz`;
    writeFileSync(join(folder, "notes.md"), "What is new.\n");
    writeFileSync(join(folder, `pulumi-flexprice-${version}.tgz`), "");
    writeFileSync(join(folder, plugin), "");
    // The GitHub CLI only talks to GitHub. This stub prints its arguments.
    const gh = join(folder, "gh");
    writeFileSync(gh, '#!/bin/sh\nprintf "%s\\n" "$@" > asked\n');
    chmodSync(gh, 0o755);
    const { PATH = "" } = process.env;
    const { exitCode, output } = await runScript(scriptOf(RELEASE, "Release"), folder, {
      PATH: [folder, PATH].join(delimiter),
      GITHUB_REF_NAME: `v${version}`,
      GITHUB_REPOSITORY: "somebody/pulumi-flexprice",
    });
    assert.equal(exitCode, 0, output);
    const ghArgs = readFileSync(join(folder, "asked"), "utf8").trim().split("\n");
    assert.deepEqual(ghArgs.slice(0, 5), [
      "release",
      "create",
      `v${version}`,
      `./pulumi-flexprice-${version}.tgz`,
      `./${plugin}`,
    ]);
    const notes = ghArgs[ghArgs.indexOf("--notes-file") + 1] ?? "";
    assert.ok(existsSync(join(folder, notes)), notes);
    assert.ok(ghArgs.includes("--verify-tag"));
  });
});
