import assert from "node:assert/strict";
import { type AccountInputs, failureOf, type KeyInputs, reasons, UnitFixture } from "../fixture";

const CONTROLS = "x\x1b[2J\x07\u202e\u2028\r\ny";
const CONTROL = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

describe("control characters, which a terminal would obey,", () => {
  const fixture = UnitFixture.forEachTest();

  const assertEscaped = (text: string) => assert(!CONTROL.test(text), JSON.stringify(text));

  it("are escaped in check failures: in names, roles, ids and properties", async () => {
    const { accounts, keys } = fixture.process();
    const account = { name: CONTROLS, roles: [CONTROLS] };
    const key = { serviceAccountId: CONTROLS, type: CONTROLS, [CONTROLS]: 1 } as unknown;
    const failures = [
      ...reasons(await accounts.check({}, account)),
      ...reasons(await accounts.check({}, { ...account, [CONTROLS]: 1 } as AccountInputs)),
      ...reasons(await keys.check({}, key as KeyInputs)),
    ];
    assert(failures.length > 2);
    failures.forEach(assertEscaped);
  });

  it("are escaped in errors: in names and in the server's text", async () => {
    const details = { [CONTROLS]: CONTROLS };
    const body = { code: "validation_error", message: CONTROLS, details };
    fixture.respondWith(400, { body, match: { method: "POST" } });
    const inputs: AccountInputs = { name: CONTROLS, roles: ["event_reader"] };
    const { message } = await failureOf(fixture.process().accounts.create(inputs), "invalid");
    assertEscaped(message);
    assert.equal(message.split("\n").length, 3);
  });
});
