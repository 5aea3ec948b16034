import assert from "node:assert/strict";
import ms from "ms";
import type { EmulatedKey } from "../../provider/emulator";
import { nightly } from "../support/sample";
import { KEY_REPLACED, use } from "./consumer";
import {
  accountWithKey,
  changes,
  EngineFixture,
  failed,
  KEY_TYPE,
  messages,
  succeeded,
} from "./fixture";

const KEY = "**ApiKey::ci";
const URN = `urn:pulumi:test::test::${KEY_TYPE}::ci`;
const ITSELF =
  /it should be replaced, but the program still has "adopt" for it, and adopted it again/;

describe("adopt that is left in the program", () => {
  let fixture: EngineFixture;
  let theirs: EmulatedKey;
  before(async () => {
    fixture = await EngineFixture.open("");
    const { tenantId, environmentId } = fixture.operator;
    const account = fixture.emulator.createAccount(tenantId, {
      name: "by hand",
      roles: ["event_ingestor"],
    });
    theirs = fixture.emulator.createKey(account.id, environmentId, {
      name: "by hand",
      expiresAt: new Date(fixture.clock.now().getTime() + ms("30d")),
    });
    await fixture.workspace.setConfig({ theirs: { value: theirs.value, secret: true } });
    fixture.setSource(program(true));
    succeeded(await fixture.up());
    assert.equal((await fixture.outputs())["keyId"], theirs.id);
  });
  after(() => fixture.close());

  function program(isAdopting: boolean): string {
    const adopt = `adopt: { id: "${theirs.id}", apiKey: new pulumi.Config().requireSecret("theirs") }, `;
    const source = accountWithKey({
      account: `adopt: "${theirs.userId}"`,
      key: `${isAdopting ? adopt : ""}expiresIn: "30d", rotateBefore: "10d", onDelete: "expire"`,
    });
    return `import * as pulumi from "@pulumi/pulumi";${source}`;
  }

  /** Asserts that the adopted key is the only one and works, and that the state is right. */
  async function assertKept(): Promise<void> {
    assert.deepEqual(
      fixture.keys().map(({ id }) => id),
      [theirs.id],
    );
    assert.equal(await use(fixture, theirs.value), 200);
    assert.deepEqual(
      (await fixture.resources()).map(({ id, delete: isPending }) => [id, isPending]),
      [
        [theirs.userId, undefined],
        [theirs.id, undefined],
      ],
    );
  }

  it("fails a --replace that would replace the key by itself, and the next up goes on as before", async () => {
    const replaced = failed(await fixture.up("--replace", KEY));
    assert.match(messages(replaced, "error").join(), ITSELF);
    const again = succeeded(await fixture.up());
    await assertKept();
    const [warning = "", ...others] = messages(again, "warning");
    assert.match(warning, /^API key "by hand" .* is not deleted: the program still has it\./);
    assert.deepEqual(others, []);
  });

  nightly("fails an up after a taint in the same way", async () => {
    assert.equal((await fixture.workspace.run(["state", "taint", URN, "--yes"])).exitCode, 0);
    assert.match(messages(failed(await fixture.up()), "error").join(), ITSELF);
    succeeded(await fixture.up());
    await assertKept();
  });

  it("lets a rotation that is due make another key, and leaves the adopted one to its expiry", async () => {
    fixture.clock.advance("21d");
    assert.deepEqual(changes(succeeded(await fixture.up())), KEY_REPLACED);
    const { keyId, apiKey } = await fixture.outputs();
    assert.notEqual(keyId, theirs.id);
    assert.deepEqual([await use(fixture, apiKey), await use(fixture, theirs.value)], [200, 200]);
    const again = succeeded(await fixture.preview("--expect-no-changes"));
    assert.deepEqual(messages(again, "warning"), []);
  });

  it("fails a --replace that would take the adopted key back in place of its successor", async () => {
    const { keyId } = await fixture.outputs();
    const error = messages(failed(await fixture.up("--replace", KEY)), "error").join();
    assert.ok(
      error.includes(`"adopt" for API key ${theirs.id}, which this key had replaced`),
      error,
    );
    assert.match(error, /What to do: remove "adopt" .* "pulumi up --replace"/);
    assert.deepEqual(
      fixture
        .keys()
        .map(({ id }) => id)
        .sort(),
      [theirs.id, keyId].sort(),
    );
  });

  it("is no hindrance once it is removed: --replace makes a key, and ends the adopted one", async () => {
    fixture.setSource(program(false));
    succeeded(await fixture.up("--replace", KEY));
    const { apiKey } = await fixture.outputs();
    assert.deepEqual([await use(fixture, apiKey), await use(fixture, theirs.value)], [200, 401]);
    assert.equal((await fixture.resources()).length, 2);
  });
});
