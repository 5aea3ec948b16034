import assert from "node:assert/strict";
import { nightly } from "../support/sample";
import { accountWithKey, changes, EngineFixture, failed, messages, succeeded } from "./fixture";

const WRONG = "sk_01WRONGWRONGWRONGWRONGWRON";

function account(roles = '["event_ingestor"]'): string {
  return `
import * as flexprice from "pulumi-flexprice";
new flexprice.ServiceAccount("ci", { roles: ${roles} });
`;
}

describe("settings in a preview", () => {
  let fixture: EngineFixture;
  before(async () => {
    fixture = await EngineFixture.open(account(), { withoutCredential: true, ownProcess: true });
    fixture.hide(WRONG);
  });
  after(() => fixture.close());
  beforeEach(() => fixture.emulator.clearRequests());

  async function refusal(source: string): Promise<string> {
    fixture.setSource(source);
    const preview = failed(await fixture.preview());
    assert.deepEqual(fixture.takeWrites(), []);
    const errors = messages(preview, "error");
    assert.equal(errors.length, 1, preview.output);
    return String(errors[0]);
  }

  const unnamed = "pulumi-nodejs:dynamic/flexprice:ServiceAccount resource 'ci' has a problem: ";

  it("without a credential lead to a warning, and the preview continues", async () => {
    const preview = succeeded(await fixture.preview());
    assert.deepEqual(changes(preview), ["create ServiceAccount ci"]);
    assert.deepEqual(messages(preview, "warning"), [
      'No Flexprice credential is configured: roles are checked against the built-in list, and the server is not asked anything. Before "pulumi up", run "pulumi config set --secret flexprice:apiKey" or set FLEXPRICE_API_KEY.\n',
    ]);
    assert.deepEqual(fixture.emulator.requests, []);
    assert.match(await refusal(account('["custom_role"]')), /Invalid role: custom_role/);
  });

  nightly("without a credential make up fail, with what to set", async () => {
    fixture.setSource(account());
    const up = failed(await fixture.up());
    assert.equal(
      messages(up, "error")[0],
      'Could not create service account "ci".\n  Reason: no Flexprice credential is configured\n  What to do: run "pulumi config set --secret flexprice:apiKey" or set FLEXPRICE_API_KEY. refresh and destroy only use the config of the last update.\n',
    );
    assert.deepEqual(fixture.emulator.requests, []);
    assert.deepEqual(await fixture.resources(), []);
  });

  it("with a rejected credential fail, naming its source: environment, then config, which wins", async () => {
    fixture.workspace.env["FLEXPRICE_API_KEY"] = WRONG;
    const environment = await refusal(account());
    assert.match(environment, /Reason: Flexprice answered 401: Unauthorized \(GET http:/);
    assert.match(environment, /the credential from environment variable FLEXPRICE_API_KEY:/);

    fixture.workspace.env["FLEXPRICE_API_KEY"] = fixture.operator.apiKey;
    await fixture.workspace.setConfig({ "flexprice:apiKey": { value: WRONG, secret: true } });
    const config = await refusal(account());
    assert.match(config, /the credential from config key flexprice:apiKey:/);
    assert.match(config, /refresh and destroy use the config of the last update/);
    delete fixture.workspace.env["FLEXPRICE_API_KEY"];
  });

  it("with an unknown config key fail, naming the key", async () => {
    await fixture.workspace.setConfig({ "flexprice:apikey": { value: "a slip" } });
    const preview = failed(await fixture.preview());
    assert.match(preview.output, /config key flexprice:apikey is unknown/);
    assert.match(preview.output, /pulumi config rm flexprice:apikey/);
    assert.deepEqual(fixture.emulator.requests, []);
    await fixture.unsetConfig("flexprice:apikey");
  });

  nightly("with a credential in plain text in the stack's file lead to a warning", async () => {
    await fixture.workspace.setConfig({ "flexprice:apiKey": { value: "sk_readable" } });
    fixture.workspace.env["FLEXPRICE_PREFLIGHT"] = "false";
    fixture.setSource(account());
    const preview = succeeded(await fixture.preview());
    delete fixture.workspace.env["FLEXPRICE_PREFLIGHT"];
    assert.deepEqual(messages(preview, "warning"), [
      'flexprice:apiKey is stored in the stack\'s file in plain text, and everyone who can read the repository can read it. Replace the credential, and set the new one with "pulumi config set --secret flexprice:apiKey".\n',
    ]);
    await fixture.unsetConfig("flexprice:apiKey");
  });

  nightly("with plain http to another machine fail before anything is sent", async () => {
    const { FLEXPRICE_BASE_URL } = fixture.workspace.env;
    fixture.workspace.env["FLEXPRICE_BASE_URL"] = "http://flexprice.invalid:8080";
    assert.equal(
      await refusal(account()),
      `${unnamed}Could not use environment variable FLEXPRICE_BASE_URL.\n  Reason: the base URL from environment variable FLEXPRICE_BASE_URL uses plain http to flexprice.invalid: credentials and keys would be sent unencrypted\n  What to do: use https. To allow http, set it with "pulumi config set flexprice:allowInsecure true" or in FLEXPRICE_ALLOW_INSECURE.\n`,
    );
    assert.deepEqual(fixture.emulator.requests, []);
    fixture.workspace.env["FLEXPRICE_BASE_URL"] = FLEXPRICE_BASE_URL;
  });

  nightly(
    "are checked with the account ids of the program: an unknown one is rejected",
    async () => {
      await fixture.workspace.setConfig({
        "flexprice:apiKey": { value: fixture.operator.apiKey, secret: true },
      });
      const key = (id: string) => `
import * as flexprice from "pulumi-flexprice";
new flexprice.ApiKey("ci", { serviceAccountId: "${id}" });
`;
      const id = "user_01M86HSRMGQP18MFHQCQGFJ1F6";
      const text = await refusal(key(id));
      assert.match(text, /^pulumi-nodejs:dynamic\/flexprice:ApiKey resource 'ci' has a problem: /);
      assert.match(text, /serviceAccountId: Could not create a key for user_01M86HSRMGQP18MFHQ/);
      assert.match(text, /Reason: the credential's tenant has no service account user_01M86HSRM/);
      const other = fixture.emulator.createTenant();
      const foreign = fixture.emulator.createAccount(other.tenantId, { roles: ["event_reader"] });
      // A replica may not show objects younger than ten minutes. Then the create finds out.
      fixture.clock.advance("11m");
      assert.match(await refusal(key(foreign.id)), /has no service account/);
      fixture.emulator.clearRequests();
      assert.match(await refusal(key("ci-bot")), /serviceAccountId: must be the id of a service/);
    },
  );

  nightly(
    "with the credential of an all_writer reject what it cannot grant or create",
    async () => {
      const { tenantId, environmentId } = fixture.operator;
      const { userId, accessToken } = fixture.emulator.createUser(tenantId, ["all_writer"]);
      fixture.hide(accessToken);
      await fixture.unsetConfig("flexprice:apiKey");
      await fixture.workspace.setConfig({
        "flexprice:accessToken": { value: accessToken, secret: true },
      });
      assert.match(
        await refusal(accountWithKey()),
        /The credential from config key flexprice:accessToken is an access token, and keys belong to an environment: set flexprice:environmentId/,
      );
      await fixture.workspace.setConfig({ "flexprice:environmentId": { value: environmentId } });
      assert.equal(
        await refusal(account('["super_admin"]')),
        `${unnamed}roles: The credential from config key flexprice:accessToken (user ${userId} with all_writer) cannot grant super_admin, which holds "*" on "*": callers can only grant permissions that they have.\n`,
      );
      assert.match(
        await refusal(accountWithKey()),
        /serviceAccountId: The credential from config key flexprice:accessToken is user \w+ with all_writer: only a user with super_admin can create keys for a service account\.\n$/,
      );
      fixture.setSource(account());
      succeeded(await fixture.preview());
      await fixture.unsetConfig("flexprice:accessToken");
    },
  );

  nightly("with an event key reject a service account, which it cannot create", async () => {
    const { tenantId, environmentId } = fixture.operator;
    const reader = fixture.emulator.createAccount(tenantId, { roles: ["event_reader"] });
    const { value } = fixture.emulator.createKey(reader.id, environmentId, { name: "reader" });
    await fixture.workspace.setConfig({ "flexprice:apiKey": { value, secret: true } });
    assert.equal(
      await refusal(account()),
      `${unnamed}The credential from config key flexprice:apiKey (service account ${reader.id} with event_reader) may not create service accounts: it lacks "write" on "user". Use a credential that has it, of a user with super_admin or all_writer for instance.\n`,
    );
  });
});

describe("a server that is down", () => {
  const LOST = "http://127.0.0.1:9/v1";
  let fixture: EngineFixture;
  let held: unknown;

  before(async () => {
    fixture = await EngineFixture.open(account());
    succeeded(await fixture.up());
    held = await fixture.held();
    fixture.workspace.env["FLEXPRICE_BASE_URL"] = LOST;
    fixture.setSource(accountWithKey());
    fixture.emulator.clearRequests();
  });
  after(() => fixture.close());

  it("makes a preview warn once, and check roles by the built-in list", async () => {
    const preview = succeeded(await fixture.preview());
    assert.deepEqual(changes(preview), ["create ApiKey ci"]);
    const [warning, ...others] = messages(preview, "warning");
    assert.deepEqual(others, []);
    assert.match(
      String(warning),
      /^Flexprice could not be queried; roles are only checked against the built-in list\./,
    );
    assert.match(String(warning), /no response from GET http:\/\/127\.0\.0\.1:9\/v1\//);
    fixture.setSource(account('["custom_role"]'));
    const refused = failed(await fixture.preview());
    assert.match(refused.output, /Invalid role: custom_role\. Allowed roles: event_ingestor, /);
    fixture.setSource(accountWithKey());
  });

  nightly("makes up fail in three parts, and leaves the state as it was", async () => {
    const up = failed(await fixture.up());
    assert.deepEqual(changes(up), ["create ApiKey ci"]);
    assert.match(
      messages(up, "error")[0] ?? "",
      /^Could not .+\.\n {2}Reason: no response from GET http:\/\/127\.0\.0\.1:9\/v1\/users\/me: connect ECONNREFUSED .+\n {2}What to do: check flexprice:baseUrl \(or FLEXPRICE_BASE_URL\) and that http:\/\/127\.0\.0\.1:9\/v1 can be reached from here; nothing was sent\.\n$/,
    );
    assert.deepEqual(fixture.takeWrites(), []);
    assert.deepEqual(await fixture.held(), held);
  });

  it("makes refresh fail and leaves the state as it was: not reachable is not gone", async () => {
    failed(await fixture.refresh());
    assert.deepEqual(await fixture.held(), held);
  });

  it("makes refresh fail as well if a proxy responds with 404 to every path", async () => {
    fixture.workspace.env["FLEXPRICE_BASE_URL"] = fixture.emulator.url;
    fixture.emulator.faults.add({
      kind: "status",
      when: "before",
      status: 404,
      body: "404 page not found",
      match: { path: /\/users\/search$/ },
      times: Number.POSITIVE_INFINITY,
    });
    const refresh = failed(await fixture.refresh());
    assert.match(refresh.output, /Flexprice answered 404: 404 page not found/);
    assert.deepEqual(await fixture.held(), held);
    fixture.emulator.faults.clear();
  });

  it("is forgotten by the next up with a server, which completes", async () => {
    const up = succeeded(await fixture.up());
    assert.deepEqual(changes(up), ["create ApiKey ci"]);
    assert.equal(fixture.keys().length, 1);
    assert.equal(fixture.accounts().length, 1);
  });
});
