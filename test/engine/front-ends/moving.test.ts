import assert from "node:assert/strict";
import { nightly } from "../../support/sample";
import { use } from "../consumer";
import { changes, type EngineFixture, messages, succeeded } from "../fixture";
import { importReleasedState } from "../released-state";
import { open, PLUGIN_FRONT_END } from "./fixture";

/** Programs can import both front ends: this package, and the plugin's classes under another name. */
const BOTH = {
  ...PLUGIN_FRONT_END,
  program: {
    files: Object.fromEntries(
      Object.entries(PLUGIN_FRONT_END.program.files ?? {}).map(([path, text]) => [
        path.replace("node_modules/pulumi-flexprice", "node_modules/plugin-classes"),
        text,
      ]),
    ),
  },
};

type Source = "pulumi-flexprice" | "plugin-classes";

function stack(from: Source): string {
  return `
import * as flexprice from "${from}";
const roles = ["event_ingestor"];
const account = new flexprice.ServiceAccount("ci", { roles, name: "usage-ingestor" });
const key = new flexprice.ApiKey("ci", {
  serviceAccountId: account.id, expiresIn: "90d", rotationTriggers: { leak: "none" },
});
const service = new flexprice.ServiceIdentity("service", { roles });
export const [value, serviceValue] = [key.apiKey, service.apiKey];
`;
}

const RESOURCES = [
  "ApiKey ci",
  "ApiKey service",
  "ServiceAccount ci",
  "ServiceAccount service",
] as const;

describe("a stack that moves between the front ends", () => {
  let fixture: EngineFixture;
  beforeEach(async () => {
    fixture = await open(BOTH, "");
  });
  afterEach(() => fixture.close());

  /** Ids and values of everything, which a move must keep. */
  async function identity(): Promise<unknown> {
    const held = Object.entries(await fixture.held()).sort(([one], [other]) =>
      one < other ? -1 : 1,
    );
    return held.map(([resource, { id, outputs }]) => [resource, id, outputs?.["apiKey"]]);
  }

  async function upBy(from: Source): Promise<string[]> {
    fixture.setSource(stack(from));
    return changes(succeeded(await fixture.up())).sort();
  }

  /** This program changes nothing, finds no drift, and leaves every id and value. */
  async function staysAsItIs(before: unknown, source: string): Promise<void> {
    fixture.setSource(source);
    assert.deepEqual(changes(succeeded(await fixture.up())), []);
    assert.deepEqual(changes(succeeded(await fixture.drift())), []);
    assert.deepEqual(await identity(), before);
  }

  async function endsWithoutAnotherWrite(): Promise<void> {
    assert.deepEqual(fixture.takeWrites(), []);
    succeeded(await fixture.destroy());
    assert.deepEqual([fixture.accounts(), fixture.keys()], [[], []]);
  }

  it("moves to the plugin unchanged, and back", async () => {
    await upBy("pulumi-flexprice");
    const before = await identity();
    fixture.takeWrites();
    await staysAsItIs(before, stack("plugin-classes"));
    await staysAsItIs(before, stack("pulumi-flexprice"));
    await endsWithoutAnotherWrite();
  });

  nightly(
    "moves from the plugin to the dynamic provider by updates without a request",
    async () => {
      await upBy("plugin-classes");
      const before = await identity();
      fixture.takeWrites();
      assert.deepEqual(
        await upBy("pulumi-flexprice"),
        RESOURCES.map((resource) => `update ${resource}`),
      );
      await staysAsItIs(before, stack("pulumi-flexprice"));
      await endsWithoutAnotherWrite();
    },
  );

  nightly(
    "is deleted by the front end of its state, even if the program uses the other",
    async () => {
      await upBy("plugin-classes");
      fixture.setSource(stack("pulumi-flexprice"));
      succeeded(await fixture.destroy());
      assert.deepEqual([fixture.accounts(), fixture.keys()], [[], []]);
    },
  );

  nightly("keeps a key that a resource of the other front end adopts in the same run", async () => {
    fixture.setSource(`
import * as flexprice from "pulumi-flexprice";
const account = new flexprice.ServiceAccount("old", { roles: ["event_ingestor"] });
const key = new flexprice.ApiKey("old", { serviceAccountId: account.id });
export const [accountId, keyId, value] = [account.id, key.id, key.apiKey];
`);
    succeeded(await fixture.up());
    const { accountId = "", keyId = "", value = "" } = await fixture.outputs();
    await fixture.workspace.setConfig({ value: { value, secret: true } });
    fixture.clock.advance("11m");
    fixture.setSource(`
import * as pulumi from "@pulumi/pulumi";
import * as flexprice from "plugin-classes";
const apiKey = new pulumi.Config().requireSecret("value");
const account = new flexprice.ServiceAccount("new", { roles: ["event_ingestor"], adopt: "${accountId}" });
export const adopted = new flexprice.ApiKey("new", {
  serviceAccountId: account.id, adopt: { id: "${keyId}", apiKey },
}).id;
`);
    const up = succeeded(await fixture.up());
    const warnings = messages(up, "warning").join("\n");
    assert.match(warnings, /API key .* is not deleted: a resource of another provider manages it/);
    assert.match(warnings, /Service account .* is not deleted: a resource of another provider/);
    assert.equal(await use(fixture, value), 200);
    assert.deepEqual(Object.keys(await fixture.held()).sort(), [
      "ApiKey new",
      "ServiceAccount new",
    ]);
    succeeded(await fixture.destroy());
    assert.equal(await use(fixture, value), 401);
  });

  nightly("moves to the plugin unchanged, and back, from a state of release 0.1.0", async () => {
    await importReleasedState(fixture);
    const before = await identity();
    for (const from of ["plugin-classes", "pulumi-flexprice"] as const) {
      await staysAsItIs(
        before,
        `
import * as flexprice from "${from}";
const account = new flexprice.ServiceAccount("ci", { roles: ["event_ingestor"] });
new flexprice.ApiKey("ci", { serviceAccountId: account.id, expiresAt: "2099-06-01T12:00:00Z" });
`,
      );
    }
    await endsWithoutAnotherWrite();
  });
});
