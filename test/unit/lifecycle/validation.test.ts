import assert from "node:assert/strict";
import { z } from "zod";
import { checkFailure, toCheckFailures } from "../../../provider/lifecycle/validation";

describe("checkFailure", () => {
  it("puts the property into the reason, since Pulumi would print the value of a separate one", () => {
    const failure = { property: "", reason: "roles: are wrong" };
    assert.deepEqual(checkFailure("roles", "are wrong"), failure);
    assert.deepEqual(checkFailure("", "all wrong"), { property: "", reason: "all wrong" });
  });
});

describe("toCheckFailures", () => {
  it("returns one failure for each issue of a schema", () => {
    const schema = z.strictObject({
      roles: z.array(z.string("no text")),
      adopt: z.strictObject({ id: z.string("no id") }).optional(),
    });
    const parsed = schema.safeParse({ roles: ["a", 7], adopt: {}, nme: 1, rols: 2 });
    assert.deepEqual(toCheckFailures(parsed.error), [
      { property: "", reason: "roles[1]: no text" },
      { property: "", reason: "adopt.id: no id" },
      { property: "", reason: "unknown property nme, rols" },
    ]);
  });

  it("returns no failure for valid inputs", () => {
    assert.deepEqual(toCheckFailures(undefined), []);
  });
});
