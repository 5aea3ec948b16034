import assert from "node:assert/strict";
import { nightly } from "../../support/sample";
import {
  accountWithKey,
  changes,
  type EngineFixture,
  failed,
  messages,
  succeeded,
} from "../fixture";
import { describeBoth, errorOf, open } from "./fixture";

/** An address where nobody listens. */
const NOWHERE = "http://127.0.0.1:9";

describeBoth("what cannot work", (frontEnd) => {
  let fixture: EngineFixture;
  before(async () => {
    fixture = await open(frontEnd, accountWithKey());
  });
  after(() => fixture.close());
  afterEach(() => {
    Object.assign(fixture.workspace.env, {
      FLEXPRICE_BASE_URL: fixture.emulator.url,
      FLEXPRICE_API_KEY: fixture.operator.apiKey,
    });
    fixture.setSource(accountWithKey());
  });

  it("is rejected by preview once if a role is invalid, and nothing is sent", async () => {
    fixture.setSource(accountWithKey({ roles: '["event_ingestr"]' }));
    const preview = failed(await fixture.preview());
    const problem =
      'roles: Invalid role: event_ingestr. Allowed roles: event_ingestor, event_reader, super_admin. Did you mean "event_ingestor"?';
    assert.deepEqual(messages(preview, "error"), [
      `${frontEnd.accountType} resource 'ci' has a problem: ${problem}\n`,
    ]);
    // Once as progress, and once in the diagnostics.
    assert.equal(preview.output.split(problem).length, 3, preview.output);
    assert.deepEqual(fixture.takeWrites(), []);
  });

  it("is rejected by preview if the credential lacks a permission", async () => {
    const { tenantId, environmentId } = fixture.operator;
    const weak = fixture.emulator.createAccount(tenantId, { roles: ["event_reader"] });
    const key = fixture.emulator.createKey(weak.id, environmentId, { name: "weak" });
    fixture.workspace.env["FLEXPRICE_API_KEY"] = key.value;
    const preview = failed(await fixture.preview());
    const [error = "", ...others] = messages(preview, "error");
    assert.deepEqual(others, []);
    assert.match(
      error,
      /resource 'ci' has a problem: The credential from environment variable FLEXPRICE_API_KEY \(.*\) may not create service accounts: it lacks "write" on "user"\./,
    );
    assert.deepEqual(fixture.takeWrites(), []);
    fixture.emulator.revokeKey(key.id);
    fixture.emulator.archiveAccount(weak.id);
  });

  it("is only a warning in preview if the server cannot be reached", async () => {
    fixture.workspace.env["FLEXPRICE_BASE_URL"] = NOWHERE;
    const preview = succeeded(await fixture.preview());
    assert.deepEqual(changes(preview), ["create ServiceAccount ci", "create ApiKey ci"]);
    const [warning = "", ...others] = messages(preview, "warning");
    assert.deepEqual(others, []);
    assert.match(
      warning,
      /^Flexprice could not be queried; .*\n.*connect ECONNREFUSED 127\.0\.0\.1:9/,
    );
  });

  // The requests are repeated for 15 seconds.
  nightly("fails in up if the server cannot be reached", async () => {
    fixture.workspace.env["FLEXPRICE_BASE_URL"] = NOWHERE;
    const error = errorOf(await fixture.up());
    assert.match(error, /^Could not create service account "ci"\.\n.*connect ECONNREFUSED/);
    assert.deepEqual(await fixture.resources(), []);
  });

  it("fails in up if the server rejects the request", async () => {
    fixture.emulator.faults.add({
      ...{ kind: "status", status: 403, when: "before", times: 1 },
      match: { method: "POST", path: /\/users$/ },
    });
    const error = errorOf(await fixture.up());
    assert.match(
      error,
      /^Could not create service account "ci"\.\n {2}Reason: Flexprice answered 403/,
    );
    assert.deepEqual([await fixture.resources(), fixture.accounts()], [[], []]);
  });
});
