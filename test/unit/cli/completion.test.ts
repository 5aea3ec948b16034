import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { delimiter } from "node:path";
import { CliFixture } from "./fixture";

/** How long a shell may take. One that waits for a text that never comes is killed. */
const TIMEOUT_MS = 20_000;

/** Types a line and presses Tab, in a zsh on a terminal of its own. Waits for a text. */
const ZSH = `
zmodload zsh/zpty
zpty -b typed zsh -fi
zpty -w typed "autoload -Uz compinit; compinit -D; source $1; echo READ''Y"
zpty -r typed shown '*READY*'
zpty -wn typed "$2"$'\\t'
zpty -r typed shown "*$3*"
print -rn -- $shown
zpty -d typed`;

/** Prints what bash offers for the last word. */
const BASH = `
source "$1"
COMP_WORDS=("\${@:2}"); COMP_CWORD=$(($# - 2))
_pulumi_flexprice
printf '%s\\n' "\${COMPREPLY[@]}"`;

const FISH = `source $argv[1]; complete -C "$argv[2..]"`;

/** Without the folder in which npm puts the command for this test. */
function pathOfUser(): string {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return folders.filter((folder) => !folder.includes("node_modules")).join(delimiter);
}

describe("cli/completion", () => {
  const cli = CliFixture.forEachTest();

  /** Writes the script for a shell, and runs commands in it with the script's path and these words. */
  async function run(shell: string, options: string[], script: string, ...words: string[]) {
    const { status, out } = await cli.command("completion", shell);
    assert.equal(status, 0);
    cli.write("script", out);
    // zsh has no place for the words after its options, except for those of a file.
    cli.write("commands", script);
    const args = [...options, "commands", "./script", ...words];
    const ended = spawnSync(shell, args, {
      ...{ cwd: cli.directory, encoding: "utf8", timeout: TIMEOUT_MS },
      env: { PATH: pathOfUser(), HOME: cli.directory, TERM: "dumb" },
    });
    assert.equal(ended.stderr, "");
    assert.equal(ended.status, 0);
    return ended.stdout;
  }

  /** Runs a test only where the shell is installed. */
  function needs(context: Mocha.Context, shell: string): void {
    if (spawnSync(shell, ["--version"]).error !== undefined) context.skip();
  }

  /** The names of all commands, as the help lists them. */
  async function names(): Promise<string[]> {
    const { out } = await cli.command("--help");
    const [, listed = ""] = out.split("\nCommands:\n");
    const found = [...listed.matchAll(/^ {2}([a-z-]+) /gm)].map(([, name = ""]) => name);
    assert(found.includes("completion") && found.includes("orphans"), out);
    return found.filter((name) => name !== "help");
  }

  describe("for bash", () => {
    const offered = async (...words: string[]) =>
      (await run("bash", [], BASH, "pulumi-flexprice", ...words)).trim().split("\n");

    it("offers the commands", async () => {
      assert.deepEqual(await offered(""), [...(await names()), "--help", "--version"]);
      assert.deepEqual(await offered("do"), ["doctor"]);
    });

    it("offers the options of a command and the values of an argument", async () => {
      assert.deepEqual(await offered("doctor", "--"), [
        ...["--stack", "--no-stack", "--connection", "--json", "--help"],
      ]);
      assert.deepEqual(await offered("completion", ""), ["bash", "zsh", "fish", "--help"]);
    });

    it("leaves values of options to the completion of files", async () => {
      assert.deepEqual(await offered("orphans", "--stack-export", ""), [""]);
      assert.deepEqual(await offered("orphans", "--stack-export", "a.json", "b"), [""]);
    });

    it("makes the completed name run npx", async () => {
      const script = `source "$1"; npx() { echo "npx $*"; }; pulumi-flexprice doctor --json`;
      assert.equal(await run("bash", [], script), "npx pulumi-flexprice doctor --json\n");
    });
  });

  describe("for zsh", () => {
    for (const [line, completed] of [
      ["pulumi-flexprice gen", "generate"],
      ["pulumi-flexprice orphans --stack-e", "--stack-export"],
      ["pulumi-flexprice completion f", "fish"],
      ["pulumi-flexprice dev-server --state scr", "script"],
    ] as const) {
      it(`completes "${line}"`, async function () {
        needs(this, "zsh");
        const shown = await run("zsh", ["-f"], ZSH, line, completed);
        assert.doesNotMatch(shown, /error|not found/);
      }).timeout(TIMEOUT_MS);
    }
  });

  describe("for fish", () => {
    const offered = async (line: string) =>
      (await run("fish", ["--no-config"], FISH, line))
        .trim()
        .split("\n")
        .map((line) => line.split("\t")[0]);

    it("offers commands, options, values and files", async function () {
      needs(this, "fish");
      assert.deepEqual((await offered("pulumi-flexprice ")).sort(), (await names()).sort());
      assert.deepEqual(await offered("pulumi-flexprice orphans --stack-e"), ["--stack-export"]);
      assert.deepEqual(await offered("pulumi-flexprice completion f"), ["fish"]);
      assert.deepEqual(await offered("pulumi-flexprice dev-server --state scr"), ["script"]);
      assert.deepEqual(await offered("pulumi-flexprice dev-server --port "), [""]);
    }).timeout(TIMEOUT_MS);

    it("makes the completed name run npx", async function () {
      needs(this, "fish");
      const script = `source $argv[1]; function npx; echo npx $argv; end; pulumi-flexprice doctor`;
      assert.equal(await run("fish", ["--no-config"], script), "npx pulumi-flexprice doctor\n");
    }).timeout(TIMEOUT_MS);
  });

  it("rejects other shells", async () => {
    await cli.assertFails(2, /Allowed choices are bash, zsh, fish/, "completion", "powershell");
  });
});
