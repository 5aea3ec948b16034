import assert from "node:assert/strict";
import { nightly, sample } from "../support/sample";
import {
  accountWithKey,
  changes,
  EngineFixture,
  failed,
  messages,
  prefixOf,
  succeeded,
} from "./fixture";

const PROBLEM =
  "pulumi-nodejs:dynamic/flexprice:ServiceAccount resource 'ci' has a problem: roles: ";

function account(roles: string): string {
  return `
import * as flexprice from "pulumi-flexprice";
new flexprice.ServiceAccount("ci", { roles: ${roles} });
`;
}

describe("the check of roles", () => {
  let fixture: EngineFixture;
  before(async () => {
    fixture = await EngineFixture.open(account('["event_ingestor"]'));
  });
  after(() => fixture.close());
  beforeEach(() => fixture.emulator.clearRequests());

  for (const [what, roles, problems] of sample([
    [
      "everything at once",
      '["custom_role", "event_ingestr", "super_admin"]',
      [
        "Invalid role: custom_role. Allowed roles: event_ingestor, event_reader, super_admin.",
        'Invalid role: event_ingestr. Allowed roles: event_ingestor, event_reader, super_admin. Did you mean "event_ingestor"?',
        "super_admin includes every other role: assign it alone.",
      ],
    ],
    ["an empty list", "[]", ["Service accounts must have at least one role assigned"]],
    [
      "one that nobody offers",
      '["custom_role"]',
      ["Invalid role: custom_role. Allowed roles: event_ingestor, event_reader, super_admin."],
    ],
    [
      "a role of users",
      '["all_reader"]',
      [
        "Invalid role: all_reader (users can hold it, service accounts cannot). Allowed roles: event_ingestor, event_reader, super_admin.",
      ],
    ],
  ] as const)) {
    it(`rejects ${what}, and sends no request that changes anything`, async () => {
      fixture.setSource(account(roles));
      const preview = failed(await fixture.preview());
      assert.deepEqual(
        messages(preview, "error"),
        problems.map((problem) => `${PROBLEM}${problem}\n`),
      );
      for (const problem of problems) {
        const shown = preview.output.split("\n").filter((line) => line.endsWith(problem));
        // Once as progress, and once in the diagnostics.
        assert.equal(shown.length, 2, preview.output);
      }
      assert.deepEqual(changes(preview), []);
      assert.deepEqual(fixture.takeWrites(), []);
    });
  }

  nightly("is repeated by up, which rejects them too", async () => {
    fixture.setSource(account('["custom_role"]'));
    const up = failed(await fixture.up());
    assert.match(up.output, /Invalid role: custom_role/);
    assert.deepEqual(fixture.takeWrites(), []);
    assert.deepEqual(await fixture.resources(), []);
  });

  nightly("rejects roles of any resource", async () => {
    fixture.setSource(`
import * as flexprice from "pulumi-flexprice";
new flexprice.ServiceAccount("good", { roles: ["event_reader"] });
new flexprice.ServiceAccount("empty", { roles: [] });
new flexprice.ServiceAccount("typo", { roles: ["event_readr"] });
new flexprice.ApiKey("past", { expiresAt: "2020-01-01T00:00:00Z" });
`);
    const preview = failed(await fixture.preview());
    const refused = preview.diagnostics.filter(({ severity }) => severity === "error");
    assert.notEqual(refused.length, 0);
    for (const { urn } of refused) assert.match(String(urn), /::(?:empty|typo|past)$/);
    assert.deepEqual(fixture.takeWrites(), []);
  });

  it("asks the server once, whatever the number of resources", async () => {
    fixture.setSource(`
import * as flexprice from "pulumi-flexprice";
for (let i = 0; i < 20; i++) {
  const account = new flexprice.ServiceAccount("account" + i, { roles: ["event_ingestor"] });
  new flexprice.ApiKey("key" + i, { serviceAccountId: account.id });
  new flexprice.ApiKey("own" + i);
}
`);
    const preview = succeeded(await fixture.preview());
    assert.equal(changes(preview).length, 60);
    assert.deepEqual(
      fixture.emulator.requests.map(({ method, path }) => `${method} ${path}`).sort(),
      ["GET /v1/rbac/roles?user_type=service_account", "GET /v1/users/me"],
    );
  });

  nightly("follows what the server offers, not the built-in list", async () => {
    fixture.emulator.faults.add({
      kind: "status",
      when: "before",
      status: 200,
      body: {
        roles: ["event_ingestor", "auditor"].map((id) => ({ id, name: id, permissions: {} })),
      },
      match: { path: /\/rbac\/roles/ },
      times: Number.POSITIVE_INFINITY,
    });
    fixture.setSource(account('["auditor"]'));
    succeeded(await fixture.preview());
    fixture.setSource(account('["event_reader"]'));
    const preview = failed(await fixture.preview());
    assert.deepEqual(messages(preview, "error"), [
      `${PROBLEM}Invalid role: event_reader. Allowed roles: auditor, event_ingestor.\n`,
    ]);
    fixture.emulator.faults.clear();
  });

  it("skips roles that are not known yet, which up then checks", async () => {
    fixture.setSource(
      accountWithKey({
        more: `
import * as pulumi from "@pulumi/pulumi";
new flexprice.ServiceAccount("later", { roles: [pulumi.interpolate\`role_of_\${account.id}\`] });
`,
      }),
    );
    succeeded(await fixture.preview());
    const up = failed(await fixture.up());
    assert.match(up.output, /'later' has a problem: roles: Invalid role: role_of_user_/);
    assert.deepEqual(
      fixture.accounts().map(({ name }) => prefixOf(name)),
      ["ci"],
    );
    fixture.setSource(accountWithKey());
    succeeded(await fixture.destroy());
  });
});
