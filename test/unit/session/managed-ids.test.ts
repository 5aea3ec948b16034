import assert from "node:assert/strict";
import { ManagedIds } from "../../../provider/session/managed-ids";
import { Journal } from "../../../provider/session/recovery/journal";

describe("session/managed-ids", () => {
  it("has the ids that were added", () => {
    const managed = new ManagedIds(new Journal());
    managed.add("user_1");
    assert.deepEqual([managed.has("user_1"), managed.has("user_2")], [true, false]);
  });

  it("has the ids that the program is about to adopt apart from those in a state", () => {
    const managed = new ManagedIds(new Journal());
    managed.want("user_1");
    assert.deepEqual([managed.isWanted("user_1"), managed.isWanted("user_2")], [true, false]);
    assert.equal(managed.has("user_1"), false);
  });
});
