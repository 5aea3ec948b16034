import assert from "node:assert/strict";
import type { EmulatedKey, EmulatedUser } from "../../provider/emulator";
import { nightly, sample } from "../support/sample";
import { KEY_REPLACED, takeTraffic, use } from "./consumer";
import { changes, EngineFixture, failed, messages, succeeded } from "./fixture";

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

describe("adoption", () => {
  let fixture: EngineFixture;
  let theirs: EmulatedUser;
  let theirKey: EmulatedKey;
  let adoptKey: string;
  before(async () => {
    fixture = await EngineFixture.open("");
    const { tenantId, environmentId } = fixture.operator;
    theirs = fixture.emulator.createAccount(tenantId, { name: "by hand", roles: ["event_reader"] });
    theirKey = fixture.emulator.createKey(theirs.id, environmentId, { name: "ci" });
    adoptKey = `adopt: { id: "${theirKey.id}", apiKey }`;
    await fixture.workspace.setConfig({ oldKey: { value: theirKey.value, secret: true } });
  });
  after(() => fixture.close());

  it("of what does not fit is refused by a preview, which says what does not", async () => {
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
          `adopt: Could not adopt API key ${theirKey.id}\\.\n.*acts for ${theirs.id}, but the program asks for a key of ${writer.id}`,
        ),
      ],
      [
        "",
        `serviceAccountId: "${theirs.id}", adopt: { id: "secret_nope", apiKey }`,
        /has no key with this id/,
      ],
      [
        "",
        `serviceAccountId: "${theirs.id}", name: "other", ${adoptKey}`,
        /its name is "ci", but the program asks for "other"/,
      ],
      [
        "",
        `serviceAccountId: "${theirs.id}", expiresIn: "90d", ${adoptKey}`,
        /it expires never, but the program asks for in 90d/,
      ],
    ];
    for (const [account, key, reason] of sample(refused, 2)) {
      fixture.setSource(program(account, key));
      assert.match(failed(await fixture.preview()).output, reason);
    }
    assert.deepEqual(fixture.takeWrites(), []);
  });

  it("takes both over: nothing is made or renamed, and the key's value is a secret", async () => {
    fixture.setSource(program(`adopt: "${theirs.id}"`, adoptKey));
    const preview = succeeded(await fixture.preview());
    assert.deepEqual(changes(preview), ["create ServiceAccount ci", "create ApiKey ci"]);
    takeTraffic(fixture);
    succeeded(await fixture.up());
    const traffic = takeTraffic(fixture, { key: theirKey.value });
    assert.deepEqual(
      traffic.filter((line) => !line.includes(": GET /v1/") && !line.includes("/search")),
      [],
    );
    assert.ok(traffic.includes("key: GET /v1/users/me 200"), String(traffic));
    assert.deepEqual(await fixture.outputs(), {
      accountId: theirs.id,
      keyId: theirKey.id,
      value: theirKey.value,
    });
    const held = await fixture.held();
    for (const output of ["name", "autoName"]) {
      assert.equal(held["ServiceAccount ci"]?.outputs?.[output], "by hand");
      assert.equal(held["ApiKey ci"]?.outputs?.[output], "ci");
    }
    assert.equal(held["ApiKey ci"]?.outputs?.["adopt"], undefined);
    assert.deepEqual(changes(succeeded(await fixture.drift())), []);
  });

  it("is over when adopt is removed: nothing changes", async () => {
    fixture.setSource(program("", ""));
    assert.deepEqual(changes(succeeded(await fixture.up())), []);
    assert.deepEqual(fixture.takeWrites(), []);
    fixture.setSource(program(`adopt: "${theirs.id}"`, adoptKey));
    assert.deepEqual(changes(succeeded(await fixture.up())), []);
  });

  it("is spent once the state holds the key: a change that replaces it shows one that is made", async () => {
    fixture.setSource(program(`adopt: "${theirs.id}"`, `name: "other", ${adoptKey}`));
    const preview = succeeded(await fixture.preview());
    assert.deepEqual(changes(preview), KEY_REPLACED);
    assert.deepEqual(preview.steps.find(({ op }) => op === "replace")?.replaceKeys, ["name"]);
  });

  it("goes with the program: resources of other names take both over, the old ones let go, and the account gets the name that is given", async () => {
    const adopting = program(`name: "ci", adopt: "${theirs.id}"`, `name: "ci", ${adoptKey}`);
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
      [[`PUT /v1/users/${theirs.id}`, { name: "ci" }]],
    );
    assert.equal(await use(fixture, theirKey.value), 200);
    assert.deepEqual(
      (await fixture.resources()).map(({ id }) => id),
      [theirs.id, theirKey.id],
    );
    fixture.setSource(program(`adopt: "${theirs.id}"`, adoptKey));
    succeeded(await fixture.up());
  });

  nightly(
    "of another account and key replaces those taken over before, which end with it",
    async () => {
      const { tenantId, environmentId } = fixture.operator;
      const other = fixture.emulator.createAccount(tenantId, {
        name: "ci",
        roles: ["event_reader"],
      });
      const otherKey = fixture.emulator.createKey(other.id, environmentId, { name: "ci" });
      await fixture.workspace.setConfig({ oldKey: { value: otherKey.value, secret: true } });
      fixture.setSource(program(`adopt: "${other.id}"`, `adopt: { id: "${otherKey.id}", apiKey }`));
      const preview = succeeded(await fixture.preview());
      assert.deepEqual(
        preview.steps.filter(({ op }) => op === "replace").map(({ replaceKeys }) => replaceKeys),
        [["adopt"], ["adopt", "serviceAccountId"]],
      );
      fixture.takeWrites();
      succeeded(await fixture.up());
      assert.deepEqual(
        fixture.takeWrites().map(({ request, status }) => `${request} ${status}`),
        [`DELETE /v1/secrets/api/keys/${theirKey.id} 204`, `DELETE /v1/users/${theirs.id} 204`],
      );
      assert.equal(await use(fixture, theirKey.value), 401);
      assert.equal(await use(fixture, otherKey.value), 200);
      succeeded(await fixture.destroy());
      assert.equal(await use(fixture, otherKey.value), 401);
      assert.ok(!fixture.accounts().some(({ id }) => id === other.id));
    },
  );
});
