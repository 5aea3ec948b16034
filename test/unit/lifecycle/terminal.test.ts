import assert from "node:assert/strict";
import {
  type AccountInputs,
  failureOf,
  type KeyInputs,
  type ProviderProcess,
  reasons,
  UnitFixture,
} from "../fixture";

const ODD = "x\x1b[2J\x07\u202e\u2028\r\ny";
const OBEYED = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

describe("resources show nothing that a terminal would obey", () => {
  const fixture = UnitFixture.forEachTest();
  let process: ProviderProcess;
  beforeEach(async () => {
    process = fixture.process();
  });

  it("in check failures, of names, roles, ids and properties", async () => {
    const account = { name: ODD, roles: [ODD], [ODD]: 1 } as unknown as AccountInputs;
    const key = { serviceAccountId: ODD, type: ODD, [ODD]: 1 } as unknown as KeyInputs;
    const shown = [
      ...reasons(await process.accounts.check({}, account)),
      ...reasons(await process.accounts.check({}, { name: ODD, roles: [ODD] } as AccountInputs)),
      ...reasons(await process.keys.check({}, key)),
    ];
    assert(shown.length > 2);
    for (const reason of shown) {
      assert(!OBEYED.test(reason), JSON.stringify(reason));
    }
  });

  it("in errors, of names and of the server's words", async () => {
    const body = { code: "validation_error", message: ODD, details: { [ODD]: ODD } };
    fixture.fault({ kind: "status", status: 400, body }, "before", { match: { method: "POST" } });
    const inputs = { name: ODD, roles: ["event_reader"] } as AccountInputs;
    const { message } = await failureOf(process.accounts.create(inputs), "invalid");
    assert(!OBEYED.test(message), JSON.stringify(message));
    assert.equal(message.split("\n").length, 3);
  });
});
