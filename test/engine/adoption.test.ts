import assert from "node:assert/strict";
import { sample } from "../support/sample";
import { nightlyStep, step } from "../support/scenario";
import { KEY_REPLACED, takeTraffic, use } from "./consumer";
import { changes, failed, messages, succeeded, withStack } from "./fixture";

/** A program that adopts one account and one key, by id. The key's value comes from a secret setting. */
function program(account: string, key: string): string {
  return `
import * as pulumi from "@pulumi/pulumi";
import * as flexprice from "pulumi-flexprice";
const apiKey = new pulumi.Config().requireSecret("oldKey");
const account = new flexprice.ServiceAccount("ci", { roles: ["event_reader"], ${account} });
const key = new flexprice.ApiKey("ci", { serviceAccountId: account.id, ${key} });
export const accountId = account.id;
export const keyId = key.id;
export const value = key.apiKey;
`;
}

describe("adopt", () => {
  it("takes over an account and its key", async () => {
    await withStack("", {}, async (fixture) => {
      const { tenantId, environmentId } = fixture.operator;
      const account = fixture.emulator.createAccount(tenantId, {
        name: "by hand",
        roles: ["event_reader"],
      });
      const key = fixture.emulator.createKey(account.id, environmentId, { name: "ci" });
      const adoptKey = `adopt: { id: "${key.id}", apiKey }`;
      await fixture.workspace.setConfig({ oldKey: { value: key.value, secret: true } });

      await step("preview rejects an account or key that does not match the program", async () => {
        const { operator, emulator } = fixture;
        const writer = emulator.createAccount(operator.tenantId, {
          name: "w",
          roles: ["event_ingestor"],
        });
        const refused: [account: string, key: string, reason: RegExp][] = [
          [
            `adopt: "user_nope"`,
            "",
            /adopt: Could not adopt service account user_nope\.\n.*has no service account with this id/,
          ],
          [
            `adopt: "${writer.id}"`,
            "",
            /it has the roles event_ingestor, but the program asks for event_reader/,
          ],
          [
            `adopt: "${operator.userId}"`,
            "",
            /it is the account of the operator's own credential, from environment variable FLEXPRICE_API_KEY/,
          ],
          [
            "",
            `serviceAccountId: "${writer.id}", ${adoptKey}`,
            new RegExp(
              `adopt: Could not adopt API key ${key.id}\\.\n.*acts for ${account.id}, but the program asks for a key of ${writer.id}`,
            ),
          ],
          [
            "",
            `serviceAccountId: "${account.id}", adopt: { id: "secret_nope", apiKey }`,
            /has no key with this id/,
          ],
          [
            "",
            `serviceAccountId: "${account.id}", name: "other", ${adoptKey}`,
            /its name is "ci", but the program asks for "other"/,
          ],
          [
            "",
            `serviceAccountId: "${account.id}", expiresIn: "90d", ${adoptKey}`,
            /it expires never, but the program asks for in 90d/,
          ],
        ];
        for (const [account, key, reason] of sample(refused, 2)) {
          fixture.setSource(program(account, key));
          assert.match(failed(await fixture.preview()).output, reason);
        }
        assert.deepEqual(fixture.takeWrites(), []);
      });

      await step("up takes over both, and creates and renames nothing", async () => {
        fixture.setSource(program(`adopt: "${account.id}"`, adoptKey));
        const preview = succeeded(await fixture.preview());
        assert.deepEqual(changes(preview), ["create ServiceAccount ci", "create ApiKey ci"]);
        takeTraffic(fixture);
        succeeded(await fixture.up());
        const traffic = takeTraffic(fixture, { key: key.value });
        assert.deepEqual(
          traffic.filter((line) => !line.includes(": GET /v1/") && !line.includes("/search")),
          [],
        );
        assert.ok(traffic.includes("key: GET /v1/users/me 200"), String(traffic));
        assert.deepEqual(await fixture.outputs(), {
          accountId: account.id,
          keyId: key.id,
          value: key.value,
        });
        const held = await fixture.held();
        for (const output of ["name", "autoName"]) {
          assert.equal(held["ServiceAccount ci"]?.outputs?.[output], "by hand");
          assert.equal(held["ApiKey ci"]?.outputs?.[output], "ci");
        }
        assert.equal(held["ApiKey ci"]?.outputs?.["adopt"], undefined);
        assert.deepEqual(changes(succeeded(await fixture.drift())), []);
      });

      await step("adding and removing adopt later changes nothing", async () => {
        fixture.setSource(program("", ""));
        assert.deepEqual(changes(succeeded(await fixture.up())), []);
        assert.deepEqual(fixture.takeWrites(), []);
        fixture.setSource(program(`adopt: "${account.id}"`, adoptKey));
        assert.deepEqual(changes(succeeded(await fixture.up())), []);
      });

      await step("a change that replaces the adopted key creates a new key", async () => {
        fixture.setSource(program(`adopt: "${account.id}"`, `name: "other", ${adoptKey}`));
        const preview = succeeded(await fixture.preview());
        assert.deepEqual(changes(preview), KEY_REPLACED);
        assert.deepEqual(preview.steps.find(({ op }) => op === "replace")?.replaceKeys, ["name"]);
      });

      await step("resources of other names take both over, and nothing is deleted", async () => {
        const adopting = program(`name: "ci", adopt: "${account.id}"`, `name: "ci", ${adoptKey}`);
        fixture.setSource(adopting.replaceAll('("ci"', '("renamed"'));
        const up = succeeded(await fixture.up());
        assert.deepEqual(changes(up), [
          "create ServiceAccount renamed",
          "create ApiKey renamed",
          "delete ApiKey ci",
          "delete ServiceAccount ci",
        ]);
        assert.match(messages(up, "warning").join(), /API key "ci" \(.*\) is not deleted/);
        assert.deepEqual(
          fixture.takeWrites().map(({ request, body }) => [request, body]),
          [[`PUT /v1/users/${account.id}`, { name: "ci" }]],
        );
        assert.equal(await use(fixture, key.value), 200);
        assert.deepEqual(
          (await fixture.resources()).map(({ id }) => id),
          [account.id, key.id],
        );
        fixture.setSource(program(`adopt: "${account.id}"`, adoptKey));
        succeeded(await fixture.up());
      });

      await nightlyStep("adopting other objects deletes those adopted before", async () => {
        const { tenantId, environmentId } = fixture.operator;
        const other = fixture.emulator.createAccount(tenantId, {
          name: "ci",
          roles: ["event_reader"],
        });
        const otherKey = fixture.emulator.createKey(other.id, environmentId, { name: "ci" });
        await fixture.workspace.setConfig({ oldKey: { value: otherKey.value, secret: true } });
        fixture.setSource(
          program(`adopt: "${other.id}"`, `adopt: { id: "${otherKey.id}", apiKey }`),
        );
        const preview = succeeded(await fixture.preview());
        assert.deepEqual(
          preview.steps.filter(({ op }) => op === "replace").map(({ replaceKeys }) => replaceKeys),
          [["adopt"], ["adopt", "serviceAccountId"]],
        );
        fixture.takeWrites();
        succeeded(await fixture.up());
        assert.deepEqual(
          fixture.takeWrites().map(({ request, status }) => `${request} ${status}`),
          [`DELETE /v1/secrets/api/keys/${key.id} 204`, `DELETE /v1/users/${account.id} 204`],
        );
        assert.equal(await use(fixture, key.value), 401);
        assert.equal(await use(fixture, otherKey.value), 200);
        succeeded(await fixture.destroy());
        assert.equal(await use(fixture, otherKey.value), 401);
        assert.ok(!fixture.accounts().some(({ id }) => id === other.id));
      });
    });
  });
});
