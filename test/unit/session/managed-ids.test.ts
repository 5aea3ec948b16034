import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ManagedIds } from "../../../provider/session/managed-ids";
import { Journal } from "../../../provider/session/recovery/journal";

describe("session/managed-ids", () => {
  it("knows the ids that it was shown", () => {
    const managed = new ManagedIds(new Journal());
    managed.add("user_1");
    assert.deepEqual([managed.has("user_1"), managed.has("user_2")], [true, false]);
  });

  it("knows the ids that the program is about to take over, which no state holds yet", () => {
    const managed = new ManagedIds(new Journal());
    managed.want("user_1");
    assert.deepEqual([managed.isWanted("user_1"), managed.isWanted("user_2")], [true, false]);
    assert.equal(managed.has("user_1"), false);
  });

  it("drops the report of an object that a state holds, and no other", async () => {
    const directory = mkdtempSync(join(tmpdir(), "pulumi-flexprice-managed-"));
    try {
      const killed = new Journal({ directory });
      for (const id of ["user_1", "user_2"]) {
        const note = await killed.begin({
          server: "http://server/v1",
          tenantId: "tenant_1",
          credential: "c",
          kind: "account",
          name: `ci-${id}`,
          settle: "remove",
        });
        await killed.complete(note, id);
      }
      killed.onEngineExit();
      assert.equal(readdirSync(directory).length, 2);

      const journal = new Journal({ directory });
      const managed = new ManagedIds(journal);
      managed.add("user_3");
      assert.equal(readdirSync(directory).length, 2);
      managed.add("user_1");
      assert.deepEqual(
        journal.reports("http://server/v1", "tenant_1").map(({ pending }) => pending.id),
        ["user_2"],
      );
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
