import assert from "node:assert/strict";
import { main } from "../../../provider/cli/index";
import { manifest } from "../../../provider/cli/packages";
import { assertFits, CliFixture } from "./fixture";

const COMMANDS = ["dev-server", "doctor", "generate", "keys", "orphans", "revoke", "completion"];

describe("cli", () => {
  const cli = CliFixture.forEachTest();

  /** Runs `generate` with a bug in the transport. */
  async function failWith(message: string): Promise<string> {
    const transport = () => Promise.reject(new RangeError(message));
    const broken = Object.assign(Object.create(cli), {
      platform: { ...cli.platform, transport },
    });
    assert.equal(await main(["generate"], broken), 3);
    return cli.err;
  }

  it("prints its version", async () => {
    assert.deepEqual(await cli.command("--version"), {
      status: 0,
      out: `${manifest.version}\n`,
      err: "",
    });
  });

  it("lists its commands and exit statuses", async () => {
    const { status, out, err } = await cli.command("--help");
    assert.deepEqual([status, err], [0, ""]);
    for (const name of COMMANDS) {
      assert.match(out, new RegExp(`^  ${name} `, "m"));
    }
    assert.match(out, /\nExit status:\n {2}0 .*\n {2}1 .*\n {2}2 .*\n {2}3 .*\n$/);
  });

  for (const name of COMMANDS) {
    it(`prints the usage of ${name}, wrapped to a narrow terminal`, async () => {
      cli.onTerminal(60);
      const { status, out } = await cli.command(name, "--help");
      assert.equal(status, 0);
      assert.match(out, new RegExp(`^Usage: pulumi-flexprice ${name} \\[options\\]`));
      assert.match(out, /\nExit status:\n/);
      assertFits(out, 60);
    });

    it(`shows valid examples of ${name}`, async () => {
      const { out } = await cli.command(name, "--help");
      const examples = [...out.matchAll(/^ {2}# .*\n {2}npx pulumi-flexprice (.*)$/gm)];
      assert(examples.length >= 1);
      cli.onTerminal(80, "");
      cli.stop();
      for (const [, example = ""] of examples) {
        const [command = "", ...args] = example.replace(/ > .*/, "").split(" ");
        assert.equal(command, name);
        const port = name === "dev-server" ? ["--port", "0"] : [];
        const { status, err } = await cli.command(command, ...args, ...port);
        assert.notEqual(status, 2, err);
      }
    });
  }

  it("wraps errors to a narrow terminal", async () => {
    cli.onTerminal(60);
    const { err } = await cli.command("orphans", "--stack-export", "-", "-");
    const lines = err.trimEnd().split("\n");
    assert.deepEqual(lines.slice(0, 3), [
      "Could not read the stack exports.",
      '  Reason: "-" was given more than once, and standard input',
      "  can be read only once",
    ]);
    const unknown = await cli.command("dev-server", "--advance", "soon");
    assert.match(
      unknown.err,
      /^error: option '--advance <duration>' argument 'soon' is\ninvalid\. It must/,
    );
  });

  it("rejects a missing command, unknown commands and unknown options", async () => {
    assert.equal((await cli.command()).status, 2);
    assert.deepEqual(await cli.command("orphan"), {
      status: 2,
      out: "",
      err: "error: unknown command 'orphan'\n(Did you mean orphans?)\n(run with --help for usage)\n",
    });
    assert.equal((await cli.command("generate", "--nope")).status, 2);
    assert.equal((await cli.command("generate", "surplus")).status, 2);
    assert.equal((await cli.command("orphans")).status, 2);
    assert.deepEqual(cli.server.log, []);
  });

  it("escapes control characters in arguments, errors and bugs", async () => {
    const typed = await cli.command("generate", "--no\u001b[2Jpe\u202e");
    assert.equal(typed.status, 2);
    assert.match(typed.err, /unknown option '--no\\u\{1b\}\[2Jpe\\u\{202e\}'/);
    cli.server.fault(
      { kind: "status", status: 400, body: { message: "no\u001b[2J\u0007\nWhat to do: rm -rf" } },
      "before",
      { times: 99 },
    );
    const refused = await cli.command("generate");
    assert.match(refused.err, /400: no\\u\{1b\}\[2J\\u\{7\}\\u\{a\}What to do: rm -rf \(/);
    assert.match(await failWith("bad \u001b[2J"), /^RangeError: bad \\u\{1b\}\[2J\n {4}at /);
  });

  it("reports a bug with its stack trace, and redacts credentials", async () => {
    const err = await failWith(`with ${cli.server.operator.apiKey}`);
    assert.match(err, /^RangeError: with \[redacted\]\n {4}at /);
  });
});
