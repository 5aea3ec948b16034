import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { atNight, nightly, sample } from "../support/sample";
import { nightlyStep, step } from "../support/scenario";
import {
  accountWithKey,
  CHANGES_SEEN,
  changes,
  type EngineFixture,
  failed,
  messages,
  prefixOf,
  succeeded,
  withStack,
} from "./fixture";
import { assertStatesAreTheServer } from "./shared-home";

/** An account and a key with this logical name; the other parameters are code. */
const pair = (name: string, given: { options?: string; before?: string } = {}) => `
import * as flexprice from "pulumi-flexprice";
import * as pulumi from "@pulumi/pulumi";
${given.before ?? ""}
const options = ${given.options ?? "{}"};
const account = new flexprice.ServiceAccount("${name}", { roles: ["event_ingestor"] }, options);
new flexprice.ApiKey("${name}", { serviceAccountId: account.id }, options);`;

const TEAM = `
class Team extends pulumi.ComponentResource {
  constructor(name: string) {
    super("test:index:Team", name);
  }
}
const team = new Team("team");`;

const held = async (fixture: EngineFixture, what: string) => {
  const found = (await fixture.held())[what];
  assert.ok(found?.outputs, `${what} is not in the state`);
  return { id: String(found.id), inputs: found.inputs ?? {}, outputs: found.outputs };
};

/** The names in the state and on the server. */
async function namesOf(fixture: EngineFixture) {
  const resources = await fixture.resources();
  return {
    held: resources.map(({ outputs }) => String(outputs?.["name"])).sort(),
    live: [...fixture.accounts(), ...fixture.keys()].map(({ name }) => name).sort(),
  };
}

describe("an automatic name", () => {
  it("survives another logical name, and moves in and out of a component", async () => {
    await withStack(pair("ci"), {}, async (fixture) => {
      succeeded(await fixture.up());
      const first = await namesOf(fixture);
      fixture.takeWrites();

      async function assertUntouched() {
        assert.deepEqual(await namesOf(fixture), first);
        assert.deepEqual(fixture.takeWrites(), []);
      }

      await step("begins with the logical name, and is not an input", async () => {
        assert.deepEqual(first.held.map(prefixOf), ["ci", "ci"]);
        assert.deepEqual(first.live, first.held);
        assert.notEqual(first.held[0], first.held[1]);
        for (const { inputs, outputs } of await fixture.resources()) {
          assert.equal(inputs?.["name"], undefined);
          assert.equal(outputs?.["autoName"], outputs?.["name"]);
          assert.equal(outputs?.["namePrefix"], "ci");
        }
        assert.deepEqual(changes(succeeded(await fixture.drift())), []);
        await assertUntouched();
      });

      // Each step continues from the one before.
      for (const [what, source] of sample(
        [
          [
            "another logical name with an alias",
            pair("bot", { options: '{ aliases: [{ name: "ci" }] }' }),
          ],
          [
            "a move into a component",
            pair("bot", {
              before: TEAM,
              options: "{ parent: team, aliases: [{ parent: pulumi.rootStackResource }] }",
            }),
          ],
          [
            "a move out of the component",
            pair("bot", { before: TEAM, options: "{ aliases: [{ parent: team }] }" }),
          ],
        ] as const,
        2,
      )) {
        await step(`survives ${what}`, async () => {
          fixture.setSource(source);
          assert.deepEqual(changes(succeeded(await fixture.up())), []);
          assert.deepEqual(changes(succeeded(await fixture.drift())), []);
          await assertUntouched();
        });
      }

      await nightlyStep("survives a rename of the stack and the project", async () => {
        const { programDirectory, scratch } = fixture.workspace;
        for (const [from, to, project] of [
          ["test", "organization/test/moved", "test"],
          ["moved", "organization/elsewhere/moved", "elsewhere"],
        ] as const) {
          const config = join(scratch, `Pulumi.${from}.yaml`);
          const renamed = await fixture.shell(
            `pulumi stack rename ${to} --stack ${from} --non-interactive`,
            scratch,
          );
          assert.equal(renamed.exitCode, 0, renamed.output);
          for (const folder of [programDirectory, scratch]) {
            const file = join(folder, "Pulumi.yaml");
            const settings = JSON.parse(readFileSync(file, "utf8")) as object;
            writeFileSync(file, JSON.stringify({ ...settings, name: project }));
          }

          const moved = join(scratch, "Pulumi.moved.yaml");
          const settings = readFileSync(moved, "utf8").replace(/^ {2}test:/gm, `  ${project}:`);
          writeFileSync(moved, settings);
          if (config !== moved) rmSync(config, { force: true });
          const up = await fixture.shell(
            `pulumi up --yes --skip-preview --expect-no-changes --non-interactive --stack moved --config-file ${moved}`,
            programDirectory,
          );
          assert.equal(up.exitCode, 0, up.output);
          assert.deepEqual(fixture.takeWrites(), []);
          assert.deepEqual(
            [...fixture.accounts(), ...fixture.keys()].map(({ name }) => name).sort(),
            first.live,
          );
        }
      });
    });
  });
});

describe("an update plan", () => {
  nightly("applies, although automatic names are chosen in its up", async () => {
    const program = (roles: string, round: number) =>
      accountWithKey({ roles, key: `rotationTriggers: { round: "${round}" }` });
    const env = { PULUMI_EXPERIMENTAL: "true" };
    await withStack(program('["event_ingestor"]', 1), { env }, async (fixture) => {
      const created = ["create ServiceAccount ci", "create ApiKey ci"];
      const replaced = (type: string) =>
        ["create-replacement", "replace", "delete-replaced"].map((op) => `${op} ${type} ci`);
      for (const [n, [source, expected]] of [
        [program('["event_ingestor"]', 1), created] as const,
        [program('["event_ingestor"]', 2), replaced("ApiKey")] as const,
        [
          program('["event_reader"]', 2),
          [...replaced("ServiceAccount"), ...replaced("ApiKey")],
        ] as const,
      ].entries()) {
        fixture.setSource(source);
        const plan = join(fixture.workspace.scratch, `plan-${n}.json`);
        succeeded(await fixture.preview("--save-plan", plan));
        assert.ok(readFileSync(plan, "utf8").includes('"resourcePlans"'));
        const up = succeeded(await fixture.up("--plan", plan));
        assert.deepEqual(changes(up).sort(), [...expected].sort());
        const { held: names, live } = await namesOf(fixture);
        assert.deepEqual(names.map(prefixOf), ["ci", "ci"]);
        assert.deepEqual(names, live);
        await assertStatesAreTheServer(fixture);
      }
    });
  });
});

atNight(() =>
  describe("an account that was renamed outside of Pulumi", () => {
    for (const [whose, name] of [
      ["chosen by the provider", undefined],
      ["set by the program", "given"],
    ] as const) {
      it(`shows both names, can keep the new one, and gets back the one ${whose}`, async () => {
        const program = (options = "{}") => `
import * as flexprice from "pulumi-flexprice";
new flexprice.ServiceAccount("ci", { ${name === undefined ? "" : `name: "${name}", `}roles: ["event_ingestor"] }, ${options});`;
        await withStack(program(), {}, async (fixture) => {
          succeeded(await fixture.up());
          const { id, outputs } = await held(fixture, "ServiceAccount ci");
          const own = String(outputs["name"]);
          const live = () => fixture.accounts().map((account) => account.name);
          fixture.emulator.renameAccount(id, "in the dashboard");
          fixture.takeWrites();

          const preview = failed(await fixture.drift());
          assert.equal(preview.exitCode, CHANGES_SEEN);
          assert.deepEqual(changes(preview), ["update ServiceAccount ci"]);
          assert.match(preview.output, new RegExp(`name *: "${own}" => "in the dashboard"`));
          if (name === undefined) {
            const [warning = "", ...more] = messages(preview, "warning");
            assert.deepEqual(more, []);
            assert.ok(
              warning.includes(`"${own}"`) && warning.includes('"in the dashboard"'),
              warning,
            );
          }

          fixture.setSource(program('{ ignoreChanges: ["name"] }'));
          assert.deepEqual(changes(succeeded(await fixture.up("--refresh"))), []);
          assert.deepEqual(changes(succeeded(await fixture.drift())), []);
          assert.deepEqual(changes(succeeded(await fixture.up())), []);
          assert.deepEqual([fixture.takeWrites(), live()], [[], ["in the dashboard"]]);

          fixture.setSource(program());
          assert.deepEqual(changes(succeeded(await fixture.up())), ["update ServiceAccount ci"]);
          assert.deepEqual(live(), [own]);
          assert.deepEqual(changes(succeeded(await fixture.drift())), []);
        });
      });
    }
  }),
);

describe("a name in the program", () => {
  it("can be added later, and removed again", async () => {
    await withStack(accountWithKey(), {}, async (fixture) => {
      succeeded(await fixture.up());
      fixture.takeWrites();

      const requests = () =>
        fixture.takeWrites().map(({ request }) => request.replace(/user_\w+/, "ID"));

      await step("renames the account in place when added, and clears autoName", async () => {
        fixture.setSource(accountWithKey({ name: "given" }));
        assert.deepEqual(changes(succeeded(await fixture.up())), ["update ServiceAccount ci"]);
        assert.deepEqual(requests(), ["PUT /v1/users/ID"]);
        const { outputs } = await held(fixture, "ServiceAccount ci");
        assert.deepEqual([outputs["name"], outputs["autoName"]], ["given", undefined]);
        assert.deepEqual(changes(succeeded(await fixture.drift())), []);
      });

      await nightlyStep("stays as the account's automatic name when removed", async () => {
        fixture.setSource(accountWithKey());
        succeeded(await fixture.up());
        assert.deepEqual(requests(), []);
        assert.deepEqual(
          fixture.accounts().map(({ name }) => name),
          ["given"],
        );
        assert.deepEqual(changes(succeeded(await fixture.drift())), []);

        const { id } = await held(fixture, "ServiceAccount ci");
        fixture.emulator.renameAccount(id, "in the dashboard");
        const preview = failed(await fixture.drift());
        assert.match(preview.output, /name *: "given" => "in the dashboard"/);
        succeeded(await fixture.up("--refresh"));
        assert.deepEqual(
          fixture.accounts().map(({ name }) => name),
          ["given"],
        );
      });

      await nightlyStep("replaces a key when added, and stays when removed", async () => {
        fixture.takeWrites();
        fixture.setSource(accountWithKey({ key: 'name: "given"' }));
        succeeded(await fixture.up());
        assert.deepEqual(
          fixture.keys().map(({ name }) => name),
          ["given"],
        );
        const { id } = await held(fixture, "ApiKey ci");
        fixture.takeWrites();
        fixture.setSource(accountWithKey());
        succeeded(await fixture.up());
        assert.deepEqual(requests(), []);
        assert.equal((await held(fixture, "ApiKey ci")).id, id);
        assert.deepEqual(changes(succeeded(await fixture.drift())), []);
      });
    });
  });
});
