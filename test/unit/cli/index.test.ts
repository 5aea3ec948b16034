import assert from "node:assert/strict";
import { main } from "../../../provider/cli/index";
import { manifest } from "../../../provider/cli/manifest";
import { UnitFixture } from "../fixture";
import { TestShell } from "./command-context";

describe("cli", () => {
  let fixture: UnitFixture;
  let shell: TestShell;
  beforeEach(async () => {
    fixture = await UnitFixture.start();
    shell = new TestShell(fixture);
  });
  afterEach(async () => {
    shell.dispose();
    await fixture.stop();
  });

  it("tells its version", async () => {
    assert.deepEqual(await shell.command("--version"), {
      status: 0,
      out: `${manifest.version}\n`,
      err: "",
    });
  });

  it("tells what there is, and its exit statuses", async () => {
    const { status, out, err } = await shell.command("--help");
    assert.deepEqual([status, err], [0, ""]);
    for (const name of ["dev-server", "doctor", "generate", "orphans"]) {
      assert.match(out, new RegExp(`^  ${name} \\[options\\] `, "m"));
    }
    assert.match(out, /\nExit status:\n {2}0 .*\n {2}1 .*\n {2}2 .*\n {2}3 .*\n$/);
  });

  for (const name of ["dev-server", "doctor", "generate", "orphans"]) {
    it(`tells what ${name} takes, on a narrow terminal too`, async () => {
      shell.onTerminal(72);
      const { status, out } = await shell.command(name, "--help");
      assert.equal(status, 0);
      assert.match(out, new RegExp(`^Usage: pulumi-flexprice ${name} \\[options\\]\\n`));
      assert.match(out, /\nExit status:\n/);
      const help = out.slice(0, out.indexOf("Exit status"));
      assert.deepEqual(
        help.split("\n").filter((line) => line.length > 72),
        [],
      );
    });
  }

  it("takes no command, an unknown one and unknown options for a slip", async () => {
    assert.equal((await shell.command()).status, 2);
    assert.deepEqual(await shell.command("orphan"), {
      status: 2,
      out: "",
      err: "error: unknown command 'orphan'\n(Did you mean orphans?)\n(--help shows what there is)\n",
    });
    assert.equal((await shell.command("generate", "--nope")).status, 2);
    assert.equal((await shell.command("generate", "surplus")).status, 2);
    assert.equal((await shell.command("orphans")).status, 2);
    assert.deepEqual(fixture.log, []);
  });

  it("shows nothing that a terminal would obey, of what it was given or of what went wrong", async () => {
    const typed = await shell.command("generate", "--no\u001b[2Jpe\u202e");
    assert.equal(typed.status, 2);
    assert.match(typed.err, /unknown option '--no\\u\{1b\}\[2Jpe\\u\{202e\}'/);
    fixture.fault(
      { kind: "status", status: 400, body: { message: "no\u001b[2J\u0007\nWhat to do: rm -rf" } },
      "before",
      { times: 99 },
    );
    const refused = await shell.command("generate");
    assert.match(refused.err, /400: no\\u\{1b\}\[2J\\u\{7\}\\u\{a\}What to do: rm -rf \(/);
    const configError = Object.assign(Object.create(shell), {
      platform: {
        ...shell.platform,
        transport: () => Promise.reject(new RangeError("bad \u001b[2J")),
      },
    });
    await main(["generate"], configError);
    assert.match(shell.err, /^RangeError: bad \\u\{1b\}\[2J\n {4}at /);
  });

  it("shows a mistake of its own with its place, and without a credential", async () => {
    const { apiKey } = fixture.operator;
    const configError = Object.assign(Object.create(shell), {
      platform: {
        ...shell.platform,
        transport: () => Promise.reject(new RangeError(`with ${apiKey}`)),
      },
    });
    assert.equal(await main(["generate"], configError), 3);
    const { err } = shell;
    assert.match(err, /^RangeError: with \[redacted\]\n {4}at /);
  });
});
