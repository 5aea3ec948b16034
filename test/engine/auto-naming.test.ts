import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { atNight, nightly, sample } from "../support/sample";
import {
  accountWithKey,
  CHANGES_SEEN,
  changes,
  EngineFixture,
  failed,
  messages,
  prefixOf,
  succeeded,
} from "./fixture";
import { importReleasedState } from "./released-state";
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

describe("names that the provider makes up", () => {
  let fixture: EngineFixture;
  let first: Awaited<ReturnType<typeof namesOf>>;

  before(async () => {
    fixture = await EngineFixture.open(pair("ci"));
    succeeded(await fixture.up());
    first = await namesOf(fixture);
    fixture.takeWrites();
  });
  after(() => fixture.close());

  async function assertUntouched() {
    assert.deepEqual(await namesOf(fixture), first);
    assert.deepEqual(fixture.takeWrites(), []);
  }

  it("are those of the server, begin with the logical name, and are no input", async () => {
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
        "a move out of it",
        pair("bot", { before: TEAM, options: "{ aliases: [{ parent: team }] }" }),
      ],
    ] as const,
    2,
  )) {
    it(`outlive ${what}`, async () => {
      fixture.setSource(source);
      assert.deepEqual(changes(succeeded(await fixture.up())), []);
      assert.deepEqual(changes(succeeded(await fixture.drift())), []);
      await assertUntouched();
    });
  }

  nightly("outlive another name of stack and project", async () => {
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

describe("an update plan", () => {
  nightly("holds for names that are made up in its up", async () => {
    const program = (roles: string, round: number) =>
      accountWithKey({ roles, key: `rotationTriggers: { round: "${round}" }` });
    const fixture = await EngineFixture.open(program('["event_ingestor"]', 1), {
      env: { PULUMI_EXPERIMENTAL: "true" },
    });
    try {
      const made = [["create ServiceAccount ci", "create ApiKey ci"]];
      const replaced = (type: string) =>
        ["create-replacement", "replace", "delete-replaced"].map((op) => `${op} ${type} ci`);
      for (const [n, [source, expected]] of [
        [program('["event_ingestor"]', 1), made.flat()] as const,
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
    } finally {
      await fixture.close();
    }
  });
});

atNight(() =>
  describe("an account that was renamed outside of Pulumi", () => {
    for (const [whose, name] of [
      ["made up by the provider", undefined],
      ["given by the program", "given"],
    ] as const) {
      it(`is shown with both names, can keep the new one, and gets back the one ${whose}`, async () => {
        const program = (options = "{}") => `
import * as flexprice from "pulumi-flexprice";
new flexprice.ServiceAccount("ci", { ${name === undefined ? "" : `name: "${name}", `}roles: ["event_ingestor"] }, ${options});`;
        const fixture = await EngineFixture.open(program());
        try {
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
        } finally {
          await fixture.close();
        }
      });
    }
  }),
);

describe("a name in the program", () => {
  let fixture: EngineFixture;
  before(async () => {
    fixture = await EngineFixture.open(accountWithKey());
    succeeded(await fixture.up());
    fixture.takeWrites();
  });
  after(() => fixture.close());

  const requests = () =>
    fixture.takeWrites().map(({ request }) => request.replace(/user_\w+/, "ID"));

  it("that is added renames the account in place, and ends its own name", async () => {
    fixture.setSource(accountWithKey({ name: "given" }));
    assert.deepEqual(changes(succeeded(await fixture.up())), ["update ServiceAccount ci"]);
    assert.deepEqual(requests(), ["PUT /v1/users/ID"]);
    const { outputs } = await held(fixture, "ServiceAccount ci");
    assert.deepEqual([outputs["name"], outputs["autoName"]], ["given", undefined]);
    assert.deepEqual(changes(succeeded(await fixture.drift())), []);
  });

  nightly("that is removed stays, as the account's own", async () => {
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

  nightly("of a key replaces it when added, and stays when removed", async () => {
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

describe("a state of release 0.1.0, with a program that gives no names", () => {
  let fixture: EngineFixture;
  let accountId: string;

  before(async () => {
    fixture = await EngineFixture.open(
      accountWithKey({ key: 'expiresAt: "2099-06-01T12:00:00Z"' }),
    );
    ({ accountId } = await importReleasedState(fixture));
  });
  after(() => fixture.close());

  const live = () => [...fixture.accounts(), ...fixture.keys()].map(({ name }) => name);

  nightly("stays as it is in the next up, with and without a refresh", async () => {
    assert.deepEqual(changes(succeeded(await fixture.up())), []);
    assert.deepEqual(changes(succeeded(await fixture.drift())), []);
    assert.deepEqual(changes(succeeded(await fixture.up("--refresh"))), []);
    assert.deepEqual([fixture.takeWrites(), live()], [[], ["ci", "ci"]]);
  });

  nightly("shows an account that is renamed, and gives the name back", async () => {
    fixture.emulator.renameAccount(accountId, "in the dashboard");
    const preview = failed(await fixture.drift());
    assert.equal(preview.exitCode, CHANGES_SEEN);
    assert.deepEqual(changes(preview), ["update ServiceAccount ci"]);
    assert.match(preview.output, /name *: "ci" => "in the dashboard"/);
    succeeded(await fixture.up("--refresh"));
    assert.deepEqual(live(), ["ci", "ci"]);
    assert.deepEqual(changes(succeeded(await fixture.drift())), []);
  });
});
