import assert from "node:assert/strict";
import type { OperationResult } from "../../scripts/workspace";
import { step } from "../support/scenario";
import { changes, messages, succeeded, withStack } from "./fixture";

interface Program {
  name: string;
  forceDestroy?: boolean;
  rotateBefore: string;
  /** Further lines. */
  more?: string;
  replaceOnChanges?: boolean;
}

/** An account, two keys, and dependents of one output each. An "immutable" one is replaced if its value changes. */
function program({
  name,
  forceDestroy = false,
  rotateBefore,
  more = "",
  replaceOnChanges = false,
}: Program): string {
  const options = (property: string) =>
    replaceOnChanges ? `{ replaceOnChanges: ["${property}"] }` : "{}";
  return `
import * as pulumi from "@pulumi/pulumi";
import * as flexprice from "pulumi-flexprice";
class Dependent extends pulumi.CustomResource {
  constructor(name: string, value: pulumi.Input<unknown>, isImmutable = false) {
    super("pulumi-nodejs:dynamic:Dependent", name, {
      value,
      __provider: \`exports.handler = () => ({
        diff: async (id, olds, news) => {
          const changes = olds.value !== news.value;
          return { changes, replaces: changes && \${isImmutable} ? ["value"] : [] };
        },
        create: async (news) => ({ id: "dependent", outs: news }),
        update: async (id, olds, news) => ({ outs: news }),
      })\`,
    });
  }
}
const account = new flexprice.ServiceAccount("ci", {
  name: "${name}", roles: ["event_reader"], forceDestroy: ${forceDestroy},
}, ${options("name")});
const key = new flexprice.ApiKey("ci", {
  serviceAccountId: account.id, expiresIn: "90d", rotateBefore: "${rotateBefore}",
});
const own = new flexprice.ApiKey("own", { expiresIn: "90d", rotateBefore: "${rotateBefore}" }, ${options("rotateBefore")});
new Dependent("apiKey", key.apiKey);
new Dependent("apiKey, immutable", key.apiKey, true);
new Dependent("tenantId, immutable", account.tenantId, true);
new Dependent("key's id, immutable", key.id, true);
new Dependent("account's id, immutable", account.id, true);
export const { apiKey } = key;
export const { tenantId } = account;
export const [accountId, keyId, ownId] = [account.id, key.id, own.id];
${more}`;
}

const COMPUTED = `
new flexprice.ApiKey("computed", { expiresAt: new Date(Date.now() + 90 * 86_400_000).toISOString() });
`;

/** The changes of the dependents, by name. */
function dependents({ steps }: OperationResult): Record<string, string> {
  const ops = steps
    .filter(({ type, op }) => type.endsWith(":Dependent") && !/^(create|delete)-/.test(op))
    .map(({ name, op }) => [name, op]);
  return Object.fromEntries(ops);
}

describe("a change of a name or of rotation settings", () => {
  it("updates in place, and leaves dependents alone", async () => {
    let preview: OperationResult;
    const first = program({ name: "first", rotateBefore: "14d", more: COMPUTED });
    await withStack(first, {}, async (fixture) => {
      succeeded(await fixture.up());
      const before = await fixture.outputs();

      const changed: Program = { name: "second", rotateBefore: "15d", forceDestroy: true };

      await step("preview shows dependents of outputs as changed, but not of ids", async () => {
        fixture.setSource(program({ ...changed, more: COMPUTED }));
        preview = succeeded(await fixture.preview());
        assert.deepEqual(dependents(preview), {
          apiKey: "update",
          "apiKey, immutable": "replace",
          "tenantId, immutable": "replace",
          "key's id, immutable": "same",
          "account's id, immutable": "same",
        });
        assert.ok(!preview.output.includes("Outputs:"), preview.output);
      });

      await step("preview warns of a key whose expiry is computed each time", async () => {
        const [warning = "", ...others] = messages(preview, "warning");
        assert.deepEqual(others, []);
        assert.match(
          warning,
          /^API key "computed-\w+" \(secret_\w+\) is replaced because expiresAt has changed to an instant that is as far from now as the old one was when the key was created\. If the program computes it from the current time, each "pulumi up" replaces the key: use expiresIn instead\.\n$/,
        );
      });

      await step("up leaves the dependents alone", async () => {
        fixture.setSource(program(changed));
        fixture.takeWrites();
        const up = succeeded(await fixture.up());
        assert.deepEqual(changes(up).sort(), [
          "delete ApiKey computed",
          "update ApiKey ci",
          "update ApiKey own",
          "update ServiceAccount ci",
        ]);
        assert.deepEqual([...new Set(Object.values(dependents(up)))], ["same"]);
        const requests = fixture.takeWrites().map(({ request }) => request.replace(/_\w+$/, "_…"));
        assert.deepEqual(requests.sort(), [
          "DELETE /v1/secrets/api/keys/secret_…",
          "PUT /v1/users/user_…",
        ]);
        assert.deepEqual(await fixture.outputs(), before);
      });

      await step("replaceOnChanges replaces what it names", async () => {
        fixture.setSource(program({ name: "third", rotateBefore: "16d", replaceOnChanges: true }));
        const up = succeeded(await fixture.up());
        const replaced = up.steps.filter(({ op }) => op === "create-replacement");
        const reasons = replaced
          .filter(({ type }) => type.includes("/flexprice:"))
          .map(({ type, name, replaceKeys }) => [type.split(":").at(-1), name, replaceKeys]);
        assert.deepEqual(reasons.sort(), [
          ["ApiKey", "ci", ["serviceAccountId"]],
          ["ApiKey", "own", ["rotateBefore"]],
          ["ServiceAccount", "ci", ["name"]],
        ]);
        const { accountId, keyId, ownId } = await fixture.outputs();
        assert.deepEqual(
          fixture.accounts().map(({ id, name }) => [id, name]),
          [[accountId, "third"]],
        );
        const tenantKeys = fixture.emulator.keys(fixture.operator.tenantId);
        assert.deepEqual(
          tenantKeys
            .filter(
              ({ status, value }) => status === "published" && value !== fixture.operator.apiKey,
            )
            .map(({ id }) => id)
            .sort(),
          [keyId, ownId].sort(),
        );
        assert.notEqual(accountId, before["accountId"]);
      });
    });
  });
});
