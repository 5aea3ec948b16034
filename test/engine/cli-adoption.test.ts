import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ok } from "../../scripts/workspace";
import { atNight } from "../support/sample";
import { nightlyStep, step } from "../support/scenario";
import { runCli } from "./command-line";
import { changes, failed, succeeded, withStack } from "./fixture";

const NAMES = [
  "ci-bot",
  "ci-bot",
  "CI bot",
  '"); throw new Error("evil"); ("',
  "*/ throw 1; /*",
  "two\nlines",
  "\u2028throw 1\u2029",
  "\u0024{process.exit(1)}",
  "back\\slash\\",
  "\u202eright to left",
  "監視 サービス 👩\u200d🚀",
  "é".repeat(255),
  "",
  " ",
];

/** The last update is more than a second old. */
const ONLY_OF_ITS_AGE = /^warning: standard input has a state that was written .* ago\..*\n$/;

/** The strictest settings, except for unused declarations. */
const TSCONFIG = {
  compilerOptions: {
    target: "es2022",
    module: "node16",
    moduleResolution: "node16",
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noPropertyAccessFromIndexSignature: true,
    noImplicitReturns: true,
    skipLibCheck: true,
  },
};

const WITH_TYPE_CHECKS = {
  program: { files: { "tsconfig.json": JSON.stringify(TSCONFIG) } },
  ownProcess: true,
};

describe("pulumi-flexprice generate", () => {
  it("writes a program that takes over a tenant, whose orphans it then removes", async () => {
    await withStack("", WITH_TYPE_CHECKS, async (fixture) => {
      const program = () =>
        readFileSync(join(fixture.workspace.programDirectory, "index.ts"), "utf8");
      const { emulator, operator } = fixture;
      const { tenantId, environmentId } = operator;
      const add = (name: string, roles: string[]) =>
        emulator.createAccount(tenantId, { name, roles });
      const accounts = NAMES.map((name, i) =>
        add(
          name,
          [["event_ingestor", "event_reader"], ["super_admin"], ["event_reader"]][i % 3] ?? [],
        ),
      );
      // No ServiceAccount can describe an account without a role.
      const roleless = add("powerless", []).id;
      const expiresAt = new Date(Date.now() + 86_400_000);
      const keys = accounts.slice(0, 4).map(({ id }, i) =>
        emulator.createKey(id, environmentId, {
          name: String(NAMES[i]),
          ...(i === 1 ? { expiresAt } : {}),
        }),
      );
      const owner = String(accounts[5]?.id);
      const widget = emulator.createKey(owner, environmentId, {
        name: "widget",
        type: "publishable_key",
      });
      const stray = emulator.createKey(roleless, environmentId, { name: "stray" });
      emulator.clearRequests();

      await step("generate writes all accounts that have a role, without names", async () => {
        const { exitCode, stdout, stderr } = await runCli(fixture, [
          ...["generate", "--stack", "test", "--out", "index.ts", "--force"],
        ]);
        assert.deepEqual([exitCode, stdout], [0, ""], stderr);
        assert.match(
          stderr,
          /^index\.ts: 14 service accounts .*, 1 in comments .*, 5 API keys in comments/,
        );
        assert.match(program(), new RegExp(`^// {3}adopt: "${roleless}",$`, "m"));
        assert.doesNotMatch(program(), /^(?:\/\/ )? {2}name:/m);
        assert.deepEqual(fixture.takeWrites(), []);
      });

      await step("up takes over the accounts and changes nothing", async () => {
        const expected = NAMES.map(() => "create ServiceAccount");
        // With type checks, which are Pulumi's default.
        delete fixture.workspace.env["PULUMI_NODEJS_TRANSPILE_ONLY"];
        const kinds = (steps: string[]) => steps.map((step) => step.split(" ", 2).join(" "));
        assert.deepEqual(kinds(changes(succeeded(await fixture.preview()))), expected);
        fixture.workspace.env["PULUMI_NODEJS_TRANSPILE_ONLY"] = "true";
        assert.deepEqual(kinds(changes(succeeded(await fixture.up()))), expected);
        assert.deepEqual(fixture.takeWrites(), []);
        const resources = await fixture.resources();
        assert.deepEqual(
          resources.map(({ id, outputs }) => [id, outputs?.["name"], outputs?.["roles"]]).sort(),
          accounts.map(({ id, roles }, i) => [id, NAMES[i], [...roles].sort()]).sort(),
        );
      });

      await step("preview then shows no drift", async () => {
        succeeded(await fixture.drift());
        assert.deepEqual(fixture.takeWrites(), []);
      });

      await step("up takes over keys too, once their values are in the config", async () => {
        const bared = program().replace(/^\/\/ (?=import \* as pulumi|const config)/gm, "");
        const adopted = bared.replace(
          /^\/\/ new flexprice\.ApiKey(?:.|\n)*?^\/\/ \}\);$/gm,
          (block) =>
            keys.some(({ id }) => block.includes(id)) ? block.replace(/^\/\/ /gm, "") : block,
        );
        writeFileSync(join(fixture.workspace.programDirectory, "index.ts"), adopted);
        await fixture.workspace.setConfig(
          Object.fromEntries(keys.map(({ id, value }) => [id, { value, secret: true }])),
        );
        const up = succeeded(await fixture.up());
        assert.deepEqual(
          changes(up).map((step) => step.split(" ", 2).join(" ")),
          keys.map(() => "create ApiKey"),
        );
        assert.deepEqual(fixture.takeWrites(), []);
        succeeded(await fixture.preview("--refresh", "--expect-no-changes"));
      });

      /** Runs it with the stack's export on standard input. */
      async function orphans(...args: string[]) {
        const { stdout: input } = await ok(fixture.workspace.run(["stack", "export"]));
        // By now, everything is more than a second old.
        await sleep(1_100);
        return await runCli(
          fixture,
          ["orphans", "--stack", "test", "--older-than", "1s", "--stack-export", "-", ...args],
          { input },
        );
      }

      await step("orphans lists what the program does not have", async () => {
        const { exitCode, stdout, stderr } = await orphans();
        assert.equal(exitCode, 1, stdout);
        assert.match(stderr, ONLY_OF_ITS_AGE);
        assert.match(
          stdout,
          /^Stack: {2}test\/test \(standard input\), with 14 service accounts and 4 API keys$/m,
        );
        assert.deepEqual(
          [...stdout.matchAll(/^ {2}((?:user|secret)_\w+)/gm)].map(([, id]) => id),
          [stray.id, roleless],
        );
        assert.deepEqual(fixture.takeWrites(), []);
      });

      await step("orphans --revoke removes these, and nothing else", async () => {
        const refused = await orphans("--revoke");
        assert.equal(refused.exitCode, 2);
        assert.match(refused.stderr, /Reason: there is no terminal on which to ask/);
        assert.deepEqual(fixture.takeWrites(), []);
        const { exitCode, stdout, stderr } = await orphans("--revoke", "--yes", "--stacks", "1");
        assert.equal(exitCode, 0, stdout);
        assert.match(stderr, ONLY_OF_ITS_AGE);
        assert.match(stdout, /^2 of 2 orphans removed\./m);
        assert.deepEqual(
          fixture.takeWrites().map(({ request, status }) => [request, status]),
          [
            [`DELETE /v1/secrets/api/keys/${stray.id}`, 204],
            [`DELETE /v1/users/${roleless}`, 204],
          ],
        );
        assert.deepEqual(
          fixture.keys().map(({ id }) => id),
          [...keys, widget].map(({ id }) => id),
        );
        assert.equal(fixture.accounts().length, NAMES.length);
        assert.equal((await orphans()).exitCode, 0);
      });

      await nightlyStep("orphans omits what an interrupted up still deletes", async () => {
        // Other roles replace the account, and the publishable key keeps the old one from being archived.
        const owner = String(accounts[5]?.id);
        const blocks = program().split(/^(?=new |const )/m);
        const replaced = blocks.map((block) =>
          block.includes(owner)
            ? block.replace("event_reader", "event_ingestor").replace(/^ {2}adopt.*\n/m, "")
            : block,
        );
        fixture.setSource(replaced.join(""));
        failed(await fixture.up());
        const waiting = (await fixture.resources()).filter((resource) => resource.delete);
        assert.deepEqual(
          waiting.map(({ id }) => id),
          [owner],
        );
        const { exitCode, stdout } = await orphans();
        assert.equal(exitCode, 0, stdout);
        fixture.emulator.revokeKey(widget.id);
        succeeded(await fixture.destroy());
        assert.deepEqual([fixture.accounts(), fixture.keys()], [[], []]);
      });
    });
  });
});

atNight(() =>
  describe("pulumi-flexprice generate --component", () => {
    it("writes a program that adopts accounts and keys, and creates missing keys", async () => {
      await withStack("", WITH_TYPE_CHECKS, async (fixture) => {
        const { emulator, operator } = fixture;
        const roles = ["event_ingestor"];
        const [first, second] = ["with a key", "without one"].map((name) =>
          emulator.createAccount(operator.tenantId, { name, roles }),
        );
        const expiresAt = new Date(Date.now() + 30 * 86_400_000);
        const key = emulator.createKey(String(first?.id), operator.environmentId, {
          name: "by hand",
          expiresAt,
        });
        const { exitCode, stderr } = await runCli(fixture, [
          ...["generate", "--stack", "test", "--component", "--out", "index.ts", "--force"],
        ]);
        assert.equal(exitCode, 0, stderr);
        const file = join(fixture.workspace.programDirectory, "index.ts");
        const program = readFileSync(file, "utf8");
        writeFileSync(
          file,
          program.replace(/^( *)\/\/ (?=import \* as pulumi|const config|key:)/gm, "$1"),
        );
        await fixture.workspace.setConfig({ [key.id]: { value: key.value, secret: true } });
        emulator.clearRequests();

        // With type checks, which are Pulumi's default.
        delete fixture.workspace.env["PULUMI_NODEJS_TRANSPILE_ONLY"];
        succeeded(await fixture.up());
        assert.deepEqual(
          fixture.takeWrites().map(({ request }) => request),
          ["POST /v1/secrets/api/keys"],
        );
        const owners = fixture.keys().map(({ userId }) => userId);
        assert.deepEqual(owners, [first?.id, second?.id]);
        const held = (await fixture.resources()).map(({ id }) => id);
        assert.deepEqual(
          held.sort(),
          [...fixture.accounts(), ...fixture.keys()].map(({ id }) => id).sort(),
        );
        succeeded(await fixture.preview("--refresh", "--expect-no-changes"));
      });
    });
  }),
);
