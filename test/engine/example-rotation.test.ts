import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { RunningChild } from "../../scripts/child";
import { nightly } from "../support/sample";
import { step, withFixture } from "../support/scenario";
import { startCli } from "./command-line";
import { takeTraffic, use } from "./consumer";
import { Example } from "./example";

describe("the example rotation", () => {
  it("rotates a key as its README shows", async () => {
    let first: string;
    let second: string;
    await withFixture(Example.open("rotation"), async (example) => {
      const file = () => join(example.folder, "ingestor.key");
      const stored = () => readFileSync(file(), "utf8");

      await step("up writes the key to a store that only its owner can read", async () => {
        await example.follow("Day 0");
        first = stored();
        assert.equal(statSync(file()).mode & 0o777, 0o600);
        assert.deepEqual(
          example.fixture.keys().map(({ value }) => value),
          [first],
        );
      });

      await step("up changes nothing before rotation is due", async () => {
        example.fixture.clock.advance("75d");
        await example.assertSettled();
        assert.equal(stored(), first);
      });

      await step("the scheduled command creates a key, and revokes nothing", async () => {
        const command = "pulumi up --yes --skip-preview";
        assert.ok(example.readme.includes(`\n      - run: ${command}\n`));
        assert.ok(example.commands("Day 76").includes(command));
        example.fixture.clock.advance("25h");
        takeTraffic(example.fixture);
        await example.follow("Day 76");
        second = stored();
        const traffic = takeTraffic(example.fixture, { old: first, new: second });
        assert.deepEqual(
          traffic.filter((line) => !/ GET | POST \/v1\/users\/search /.test(line)),
          [
            "operator: POST /v1/secrets/api/keys 201",
            "old: POST /v1/events 202",
            "new: POST /v1/events 202",
          ],
        );
        assert.notEqual(second, first);
      });

      await step("both keys work until the old one expires", async () => {
        example.fixture.clock.advance("13d");
        assert.deepEqual(
          [await use(example.fixture, first), await use(example.fixture, second)],
          [200, 200],
        );
        example.fixture.clock.advance("1d");
        assert.deepEqual(
          [await use(example.fixture, first), await use(example.fixture, second)],
          [401, 200],
        );
        await example.follow("Day 90");
      });

      await step("destroy revokes all keys", async () => {
        await example.cleanUp();
        assert.deepEqual(example.fixture.accounts(), []);
        assert.deepEqual(
          await Promise.all([first, second].map((key) => use(example.fixture, key))),
          [401, 401],
        );
        assert.equal(
          example.fixture.emulator.keys().length,
          3,
          "the operator's, the first and the second",
        );
        assert.equal(existsSync(file()), false);
      });
    });
  });
});

describe("the example rotation, with the server that its README starts", () => {
  let example: Example;
  let server: RunningChild | undefined;
  before(async () => {
    example = await Example.open("rotation");
  });
  after(async () => {
    await stop();
    await example.close();
  });

  async function stop(): Promise<void> {
    server?.kill("SIGTERM");
    await server?.done;
  }

  /** Runs the command of a section that starts the server, and the `export` lines that it prints. */
  async function serve(section: string, port: string): Promise<string> {
    await stop();
    const [, after = ""] = example.readme.split(`\n## ${section}\n`);
    const [, args = ""] = /\nnpx pulumi-flexprice (dev-server .*)\n/.exec(after) ?? [];
    const printed = await new Promise<string>((resolve, reject) => {
      server = startCli([...args.split(" "), "--port", port], {
        cwd: example.folder,
        onOutput: (text, stream) => (stream === "stdout" ? resolve : reject)(text),
      });
    });
    const exports = [...printed.matchAll(/^ {2}export (\w+)=(.*)$/gm)];
    for (const [, name = "", value] of exports) example.fixture.workspace.env[name] = value;
    return new URL(example.fixture.workspace.env["FLEXPRICE_BASE_URL"] ?? "").port;
  }

  nightly("can be followed from beginning to end", async () => {
    const port = await serve("Set-up", "0");
    await example.follow("Day 0");
    await serve("Day 76", port);
    await example.follow("Day 76");
    await serve("Day 90", port);
    await example.follow("Day 90");
    await example.cleanUp();
  });
});
