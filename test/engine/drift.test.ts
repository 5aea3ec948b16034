import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import {
  accountWithKey,
  Bench,
  CHANGES_SEEN,
  changes,
  failed,
  messages,
  succeeded,
} from "./harness";

const REPLACED = ["create-replacement", "replace", "delete-replaced"];

/** The part of a preview that tells what the refresh saw. */
function seen(output: string): string {
  return output.slice(0, output.indexOf("pulumi:pulumi:Stack: (same)"));
}

describe("drift", () => {
  let bench: Bench;
  let accountId: string;
  let keyId: string;

  before(async () => {
    bench = await Bench.open(accountWithKey({ key: 'expiresAt: "2099-06-01T17:30:00+05:30"' }));
    succeeded(await bench.up());
  });
  after(() => bench.close());
  beforeEach(async () => {
    ({ accountId = "", keyId = "" } = await bench.outputs());
    bench.takeWrites();
  });

  /** Preview names it, up mends it, and then there is none. */
  async function mended(drifted: RegExp[], steps: string[]): Promise<void> {
    const preview = failed(await bench.drift());
    assert.equal(preview.exitCode, CHANGES_SEEN);
    for (const pattern of drifted) assert.match(seen(preview.output), pattern);
    assert.match(preview.output, /no changes were expected for preview but changes were proposed/);
    assert.deepEqual(bench.takeWrites(), []);
    assert.deepEqual(changes(succeeded(await bench.up("--refresh"))), steps);
    await unchanged();
  }

  async function unchanged(): Promise<void> {
    const preview = succeeded(await bench.drift());
    assert.deepEqual(changes(preview), []);
    assert.doesNotMatch(preview.output, /flexprice:|--outputs:--|warning/);
  }

  it("is none right after up, twice", async () => {
    const held = await bench.held();
    await unchanged();
    await unchanged();
    const refresh = succeeded(await bench.refresh("--expect-no-changes"));
    assert.deepEqual(
      refresh.steps.flatMap(({ diffs }) => diffs),
      [],
    );
    assert.deepEqual(await bench.held(), held);
    assert.deepEqual(bench.takeWrites(), []);
  });

  it("in the account's name is set right in place", async () => {
    bench.emulator.renameAccount(accountId, "in the dashboard");
    await mended([/~ name *: "ci" => "in the dashboard"/], ["update ServiceAccount ci"]);
    assert.deepEqual(
      bench.takeWrites().map(({ request, body }) => [request, body]),
      [[`PUT /v1/users/${accountId}`, { name: "ci" }]],
    );
  });

  it("to no name at all as well", async () => {
    bench.emulator.renameAccount(accountId, "");
    await mended([/- name *: "ci"/], ["update ServiceAccount ci"]);
    assert.deepEqual(
      bench.accounts().map(({ id, name }) => [id, name]),
      [[accountId, "ci"]],
    );
  });

  it("in the roles replaces the account with its key", async () => {
    bench.emulator.setRoles(accountId, ["super_admin"]);
    await mended(
      [/~ \[0\]: "event_ingestor" => "super_admin"/],
      [
        "create-replacement ServiceAccount ci",
        "replace ServiceAccount ci",
        "create-replacement ApiKey ci",
        "replace ApiKey ci",
        "delete-replaced ApiKey ci",
        "delete-replaced ServiceAccount ci",
      ],
    );
    assert.deepEqual(
      bench.accounts().map(({ roles }) => roles),
      [["event_ingestor"]],
    );
    assert.equal(bench.keys().length, 1);
  });

  it("by an archived account makes it anew, and its key, which still worked", async () => {
    bench.emulator.archiveAccount(accountId);
    await mended(
      [
        /- name *: "ci"/,
        /warning: .*is archived, and the key still works/,
        /\+ ownerArchived *: true/,
      ],
      ["create ServiceAccount ci", ...REPLACED.map((op) => `${op} ApiKey ci`)],
    );
    const now = await bench.outputs();
    assert.deepEqual(
      bench.keys().map(({ id, userId }) => [id, userId]),
      [[now["keyId"], now["accountId"]]],
    );
    assert.notEqual(now["accountId"], accountId);
  });

  it("by a revoked key makes it anew", async () => {
    bench.emulator.revokeKey(keyId);
    await mended([/- apiKey *: \[secret\]/, /- displayId *: "sk_01\*\*\*/], ["create ApiKey ci"]);
    const now = await bench.outputs();
    assert.equal(now["accountId"], accountId);
    assert.notEqual(now["keyId"], keyId);
  });

  it("by a key that was given an end replaces it", async () => {
    bench.emulator.expireKey(keyId);
    await mended(
      [/~ expiresAt *: "2099-06-01T17:30:00\+05:30" => "20\d\d-/],
      REPLACED.map((op) => `${op} ApiKey ci`),
    );
    assert.equal((await bench.outputs())["accountId"], accountId);
  });

  it("of several kinds at once is mended at once", async () => {
    bench.emulator.renameAccount(accountId, "in the dashboard");
    bench.emulator.revokeKey(keyId);
    await mended(
      [/~ name *: "ci" => "in the dashboard"/, /- apiKey *: \[secret\]/],
      ["update ServiceAccount ci", "create ApiKey ci"],
    );
  });

  it("by time: a preview says that a key has expired, and up replaces it", async () => {
    bench.setSource(accountWithKey({ key: 'expiresIn: "8s"' }));
    succeeded(await bench.up());
    const { outputs } = (await bench.held())["ApiKey ci"] ?? {};
    const end = String(outputs?.["expiresAt"]);
    await sleep(Math.max(0, Date.parse(end) - Date.now()) + 50);
    const preview = failed(await bench.drift());
    assert.equal(preview.exitCode, CHANGES_SEEN);
    assert.deepEqual(
      changes(preview).map((step) => step.split(" ")[0]),
      ["create-replacement", "replace", "delete-replaced"],
    );
    const expired = messages(preview, "warning").join("");
    assert.match(expired, new RegExp(`^API key "ci" .*expired at ${end}: it is to be replaced\\.`));
    bench.setSource(accountWithKey({ key: 'expiresIn: "90d"' }));
    succeeded(await bench.up("--refresh"));
    await unchanged();
  });
});
