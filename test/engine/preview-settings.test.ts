import assert from "node:assert/strict";
import { accountWithKey, Bench, changes, failed, messages, succeeded } from "./fixture";

const WRONG = "sk_01WRONGWRONGWRONGWRONGWRON";

function account(roles = '["event_ingestor"]'): string {
  return `
import * as flexprice from "pulumi-flexprice";
new flexprice.ServiceAccount("ci", { roles: ${roles} });
`;
}

describe("a preview checks the settings", () => {
  let bench: Bench;
  before(async () => {
    bench = await Bench.open(account(), { config: {} });
    bench.hide(WRONG);
  });
  after(() => bench.close());
  beforeEach(() => bench.emulator.clearRequests());

  async function refusal(source: string): Promise<string> {
    bench.setSource(source);
    const preview = failed(await bench.preview());
    assert.deepEqual(bench.takeWrites(), []);
    const errors = messages(preview, "error");
    assert.equal(errors.length, 1, preview.output);
    return String(errors[0]);
  }

  const unnamed = "pulumi-nodejs:dynamic/flexprice:ServiceAccount resource 'ci' has a problem: ";

  it("and goes on without a credential, with a warning", async () => {
    const preview = succeeded(await bench.preview());
    assert.deepEqual(changes(preview), ["create ServiceAccount ci"]);
    assert.deepEqual(messages(preview, "warning"), [
      'No Flexprice credential is configured: roles are checked against the built-in list, and nothing else is asked of the server. Before "pulumi up", run "pulumi config set --secret flexprice:apiKey" or set FLEXPRICE_API_KEY.\n',
    ]);
    assert.deepEqual(bench.emulator.requests, []);
    assert.match(await refusal(account('["custom_role"]')), /Invalid role: custom_role/);
  });

  it("while up needs one, and says which", async () => {
    bench.setSource(account());
    const up = failed(await bench.up());
    assert.equal(
      messages(up, "error")[0],
      'Could not create service account "ci".\n  Reason: no Flexprice credential is configured\n  What to do: run "pulumi config set --secret flexprice:apiKey" or set FLEXPRICE_API_KEY. refresh and destroy see the config of the last update only.\n',
    );
    assert.deepEqual(bench.emulator.requests, []);
    assert.deepEqual(await bench.resources(), []);
  });

  it("and names where a rejected credential comes from: environment, then config, which wins", async () => {
    bench.workspace.env["FLEXPRICE_API_KEY"] = WRONG;
    const environment = await refusal(account());
    assert.match(environment, /Reason: Flexprice answered 401: Unauthorized \(GET http:/);
    assert.match(environment, /the credential from environment variable FLEXPRICE_API_KEY:/);

    bench.workspace.env["FLEXPRICE_API_KEY"] = bench.operator.apiKey;
    await bench.workspace.setConfig({ "flexprice:apiKey": { value: WRONG, secret: true } });
    const config = await refusal(account());
    assert.match(config, /the credential from config key flexprice:apiKey:/);
    assert.match(config, /refresh and destroy use the config of the last update/);
    delete bench.workspace.env["FLEXPRICE_API_KEY"];
  });

  it("and names a config key that means nothing", async () => {
    await bench.workspace.setConfig({ "flexprice:apikey": { value: "a slip" } });
    const preview = failed(await bench.preview());
    assert.match(preview.output, /config key flexprice:apikey is unknown/);
    assert.match(preview.output, /pulumi config rm flexprice:apikey/);
    assert.deepEqual(bench.emulator.requests, []);
    await bench.unsetConfig("flexprice:apikey");
  });

  it("and warns of a credential that stands in the stack's file in plain text", async () => {
    await bench.workspace.setConfig({ "flexprice:apiKey": { value: "sk_readable" } });
    bench.workspace.env["FLEXPRICE_PREFLIGHT"] = "false";
    bench.setSource(account());
    const preview = succeeded(await bench.preview());
    delete bench.workspace.env["FLEXPRICE_PREFLIGHT"];
    assert.deepEqual(messages(preview, "warning"), [
      'flexprice:apiKey stands in the stack\'s file in plain text, for everybody who can read the repository. Replace the credential, since it has been readable, and set the new one with "pulumi config set --secret flexprice:apiKey".\n',
    ]);
    await bench.unsetConfig("flexprice:apiKey");
  });

  it("and sends nothing by plain http to another machine", async () => {
    const { FLEXPRICE_BASE_URL } = bench.workspace.env;
    bench.workspace.env["FLEXPRICE_BASE_URL"] = "http://flexprice.invalid:8080";
    assert.equal(
      await refusal(account()),
      `${unnamed}Could not use environment variable FLEXPRICE_BASE_URL.\n  Reason: the base URL from environment variable FLEXPRICE_BASE_URL is plain http to flexprice.invalid: the credential and every new key would cross the network readable\n  What to do: use https, or accept it with "pulumi config set flexprice:allowInsecure true".\n`,
    );
    assert.deepEqual(bench.emulator.requests, []);
    bench.workspace.env["FLEXPRICE_BASE_URL"] = FLEXPRICE_BASE_URL;
  });

  it("and refuses an account id that the tenant does not have", async () => {
    await bench.workspace.setConfig({
      "flexprice:apiKey": { value: bench.operator.apiKey, secret: true },
    });
    const key = (id: string) => `
import * as flexprice from "pulumi-flexprice";
new flexprice.ApiKey("ci", { serviceAccountId: "${id}" });
`;
    const id = "user_01M86HSRMGQP18MFHQCQGFJ1F6";
    const text = await refusal(key(id));
    assert.match(text, /^pulumi-nodejs:dynamic\/flexprice:ApiKey resource 'ci' has a problem: /);
    assert.match(text, /serviceAccountId: Could not make a key for user_01M86HSRMGQP18MFHQ/);
    assert.match(text, /Reason: the credential's tenant has no service account user_01M86HSRM/);
    const other = bench.emulator.createTenant();
    const foreign = bench.emulator.createAccount(other.tenantId, { roles: ["event_reader"] });
    // What is younger than ten minutes a replica may not show: create then finds out.
    bench.clock.advance("11m");
    assert.match(await refusal(key(foreign.id)), /has no service account/);
    bench.emulator.clearRequests();
    assert.match(await refusal(key("ci-bot")), /serviceAccountId: must be the id of a service/);
  });

  it("and what an all_writer may grant and make", async () => {
    const { tenantId, environmentId } = bench.operator;
    const { userId, accessToken } = bench.emulator.createUser(tenantId, ["all_writer"]);
    bench.hide(accessToken);
    await bench.unsetConfig("flexprice:apiKey");
    await bench.workspace.setConfig({
      "flexprice:accessToken": { value: accessToken, secret: true },
    });
    assert.match(
      await refusal(accountWithKey()),
      /The credential from config key flexprice:accessToken is an access token, and keys belong to an environment: set flexprice:environmentId/,
    );
    await bench.workspace.setConfig({ "flexprice:environmentId": { value: environmentId } });
    assert.equal(
      await refusal(account('["super_admin"]')),
      `${unnamed}roles: The credential from config key flexprice:accessToken (user ${userId} with all_writer) cannot grant super_admin, which holds "*" on "*": nobody grants what they do not hold.\n`,
    );
    assert.match(
      await refusal(accountWithKey()),
      /serviceAccountId: The credential from config key flexprice:accessToken is user \w+ with all_writer: only a user with super_admin can make keys for a service account\.\n$/,
    );
    bench.setSource(account());
    succeeded(await bench.preview());
    await bench.unsetConfig("flexprice:accessToken");
  });

  it("and that an event key creates no account", async () => {
    const { tenantId, environmentId } = bench.operator;
    const reader = bench.emulator.createAccount(tenantId, { roles: ["event_reader"] });
    const { value } = bench.emulator.createKey(reader.id, environmentId, { name: "reader" });
    await bench.workspace.setConfig({ "flexprice:apiKey": { value, secret: true } });
    assert.equal(
      await refusal(account()),
      `${unnamed}The credential from config key flexprice:apiKey (service account ${reader.id} with event_reader) may not create service accounts: it lacks "write" on "user". Use a credential that has it, of a user with super_admin or all_writer for instance.\n`,
    );
  });
});

describe("with a server that is down", () => {
  const LOST = "http://127.0.0.1:9/v1";
  let bench: Bench;
  let held: unknown;

  before(async () => {
    bench = await Bench.open(account());
    succeeded(await bench.up());
    held = await bench.held();
    bench.workspace.env["FLEXPRICE_BASE_URL"] = LOST;
    bench.setSource(accountWithKey());
    bench.emulator.clearRequests();
  });
  after(() => bench.close());

  it("a preview warns once and checks roles by the built-in list", async () => {
    const preview = succeeded(await bench.preview());
    assert.deepEqual(changes(preview), ["create ApiKey ci"]);
    const [warning, ...others] = messages(preview, "warning");
    assert.deepEqual(others, []);
    assert.match(
      String(warning),
      /^Flexprice could not be asked; roles are checked against the built-in list only\./,
    );
    assert.match(String(warning), /no answer from GET http:\/\/127\.0\.0\.1:9\/v1\//);
    bench.setSource(account('["custom_role"]'));
    const refused = failed(await bench.preview());
    assert.match(refused.output, /Invalid role: custom_role\. Allowed roles: event_ingestor, /);
    bench.setSource(accountWithKey());
  });

  it("up fails in three parts and leaves the state as it was", async () => {
    const up = failed(await bench.up());
    assert.deepEqual(changes(up), ["create ApiKey ci"]);
    assert.match(
      messages(up, "error")[0] ?? "",
      /^Could not .+\.\n {2}Reason: no answer from GET http:\/\/127\.0\.0\.1:9\/v1\/users\/me: connect ECONNREFUSED .+\n {2}What to do: check flexprice:baseUrl \(or FLEXPRICE_BASE_URL\) and that http:\/\/127\.0\.0\.1:9\/v1 can be reached from here; nothing was sent\.\n$/,
    );
    assert.deepEqual(bench.takeWrites(), []);
    assert.deepEqual(await bench.held(), held);
  });

  it("so does refresh: not reachable is not gone", async () => {
    failed(await bench.refresh());
    assert.deepEqual(await bench.held(), held);
  });

  it("and one that finds no path, as a proxy does: that is not gone either", async () => {
    bench.workspace.env["FLEXPRICE_BASE_URL"] = bench.emulator.url;
    bench.emulator.faults.add({
      kind: "status",
      when: "before",
      status: 404,
      body: "404 page not found",
      match: { path: /\/users\/search$/ },
      times: Number.POSITIVE_INFINITY,
    });
    const refresh = failed(await bench.refresh());
    assert.match(refresh.output, /Flexprice answered 404: 404 page not found/);
    assert.deepEqual(await bench.held(), held);
    bench.emulator.faults.clear();
  });

  it("and the next up with a server completes", async () => {
    const up = succeeded(await bench.up());
    assert.deepEqual(changes(up), ["create ApiKey ci"]);
    assert.equal(bench.keys().length, 1);
    assert.equal(bench.accounts().length, 1);
  });
});
