import assert from "node:assert/strict";
import { main } from "../../../provider/cli/index";
import { manifest } from "../../../provider/cli/manifest";
import { Stage } from "../harness";
import { TestShell } from "./shell";

describe("cli", () => {
  let stage: Stage;
  let shell: TestShell;
  beforeEach(async () => {
    stage = await Stage.start();
    shell = new TestShell(stage);
  });
  afterEach(async () => {
    shell.dispose();
    await stage.stop();
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
    assert.deepEqual(stage.log, []);
  });

  it("shows a mistake of its own with its place, and without a credential", async () => {
    const { apiKey } = stage.operator;
    const broken = Object.assign(Object.create(shell), {
      world: {
        ...shell.world,
        transport: () => Promise.reject(new RangeError(`with ${apiKey}`)),
      },
    });
    assert.equal(await main(["generate"], broken), 3);
    const { err } = shell;
    assert.match(err, /^RangeError: with \[redacted\]\n {4}at /);
  });
});
