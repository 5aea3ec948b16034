import assert from "node:assert/strict";
import { sample } from "../support/sample";
import { EngineFixture, failed, messages } from "./fixture";

const REFUSED: [what: string, declaration: string, message: string][] = [
  [
    "import on an account",
    'new flexprice.ServiceAccount("ci", { roles: ["event_reader"] }, { import: "user_01A" });',
    `Could not declare ServiceAccount "ci".
  Reason: dynamic resources have no option "import"
  What to do: leave it out, and adopt the existing object with adopt: "user_01A" in the arguments.`,
  ],
  [
    "import on a key",
    'new flexprice.ApiKey("ci", {}, { import: "secret_01A" });',
    `Could not declare ApiKey "ci".
  Reason: dynamic resources have no option "import"
  What to do: leave it out, and adopt the existing object with adopt: { id: "secret_01A", apiKey: … } in the arguments.`,
  ],
  [
    "deletedWith on a key",
    `const account = new flexprice.ServiceAccount("ci", { roles: ["event_reader"] });
new flexprice.ApiKey("ci", { serviceAccountId: account.id }, { deletedWith: account });`,
    `Could not declare ApiKey "ci".
  Reason: the option "deletedWith" would drop the key from the state without revoking it
  What to do: leave it out: a key is revoked before its account is archived.`,
  ],
  [
    "an account without arguments",
    'new flexprice.ServiceAccount("ci");',
    `Could not declare ServiceAccount "ci".
  Reason: it has no arguments
  What to do: pass them as the second argument, at least { roles: … }.`,
  ],
];

describe("a program that cannot work", () => {
  let fixture: EngineFixture;
  before(async () => {
    fixture = await EngineFixture.open("", {
      program: { language: "javascript" },
      ownProcess: true,
    });
  });
  after(() => fixture.close());

  for (const [what, declaration, message] of sample(REFUSED, 2)) {
    it(`is rejected in one sentence: ${what}`, async () => {
      fixture.setSource(`const flexprice = require("pulumi-flexprice");\n${declaration}`);
      const preview = failed(await fixture.preview());
      assert.deepEqual(messages(preview, "error"), [`${message}\n`]);
      assert.deepEqual(fixture.takeWrites(), []);
    });
  }

  it("is rejected by Pulumi's own host if it is imported, and nothing is taken over", async () => {
    const type = "pulumi-nodejs:dynamic/flexprice:ServiceAccount";
    fixture.emulator.clearRequests();
    const { exitCode, output } = await fixture.shell(
      `pulumi import ${type} ci user_01A --yes --non-interactive --stack test 2>&1 |
        grep --quiet "Preview failed: code must be a string" && pulumi stack export --stack test`,
      fixture.workspace.programDirectory,
    );
    assert.equal(exitCode, 0, output);
    assert.ok(!output.includes(type), output);
    assert.deepEqual(fixture.emulator.requests, []);
  });
});
