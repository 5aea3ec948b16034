import assert from "node:assert/strict";
import type { ConfigValue } from "../../scripts/workspace";
import { nightly } from "../support/sample";
import { nightlyStep, step } from "../support/scenario";
import {
  accountWithKey,
  changes,
  EngineFixture,
  failed,
  messages,
  succeeded,
  withStack,
} from "./fixture";

const WRONG = "sk_01WRONGWRONGWRONGWRONGWRON";

function account(roles = '["event_ingestor"]'): string {
  return `
import * as flexprice from "pulumi-flexprice";
new flexprice.ServiceAccount("ci", { roles: ${roles} });
`;
}

describe("preview", () => {
  let fixture: EngineFixture;
  before(async () => {
    fixture = await EngineFixture.open(account(), { withoutCredential: true, ownProcess: true });
    fixture.hide(WRONG);
  });
  after(() => fixture.close());
  beforeEach(() => {
    fixture.setSource(account());
    fixture.emulator.clearRequests();
  });

  /** Runs this with more stack config, and removes that afterwards. */
  async function withConfig(
    config: Record<string, ConfigValue>,
    run: () => Promise<void>,
  ): Promise<void> {
    await fixture.workspace.setConfig(config);
    try {
      await run();
    } finally {
      for (const key of Object.keys(config)) await fixture.unsetConfig(key);
    }
  }

  /** Runs this with more environment variables, and restores the old ones afterwards. */
  async function withEnv(env: Record<string, string>, run: () => Promise<void>): Promise<void> {
    const before = { ...fixture.workspace.env };
    Object.assign(fixture.workspace.env, env);
    try {
      await run();
    } finally {
      for (const name of Object.keys(env)) delete fixture.workspace.env[name];
      Object.assign(fixture.workspace.env, before);
    }
  }

  async function refusal(source: string): Promise<string> {
    fixture.setSource(source);
    const preview = failed(await fixture.preview());
    assert.deepEqual(fixture.takeWrites(), []);
    const errors = messages(preview, "error");
    assert.equal(errors.length, 1, preview.output);
    return String(errors[0]);
  }

  const unnamed = "pulumi-nodejs:dynamic/flexprice:ServiceAccount resource 'ci' has a problem: ";

  it("warns if no credential is configured, and continues", async () => {
    const preview = succeeded(await fixture.preview());
    assert.deepEqual(changes(preview), ["create ServiceAccount ci"]);
    assert.deepEqual(messages(preview, "warning"), [
      'No Flexprice credential is configured: roles are checked against the built-in list, and the server is not asked anything. Before "pulumi up", run "pulumi config set --secret flexprice:apiKey" or set FLEXPRICE_API_KEY.\n',
    ]);
    assert.deepEqual(fixture.emulator.requests, []);
    assert.match(await refusal(account('["custom_role"]')), /Invalid role: custom_role/);
  });

  nightly("leaves it to up to fail if no credential is configured", async () => {
    const up = failed(await fixture.up());
    assert.equal(
      messages(up, "error")[0],
      'Could not create service account "ci".\n  Reason: no Flexprice credential is configured\n  What to do: run "pulumi config set --secret flexprice:apiKey" or set FLEXPRICE_API_KEY. refresh and destroy only use the config of the last update.\n',
    );
    assert.deepEqual(fixture.emulator.requests, []);
    assert.deepEqual(await fixture.resources(), []);
  });

  it("rejects a wrong credential, and names its source: config before environment", async () => {
    await withEnv({ FLEXPRICE_API_KEY: WRONG }, async () => {
      const error = await refusal(account());
      assert.match(error, /Reason: Flexprice answered 401: Unauthorized \(GET http:/);
      assert.match(error, /the credential from environment variable FLEXPRICE_API_KEY:/);
    });
    await withEnv({ FLEXPRICE_API_KEY: fixture.operator.apiKey }, () =>
      withConfig({ "flexprice:apiKey": { value: WRONG, secret: true } }, async () => {
        const error = await refusal(account());
        assert.match(error, /the credential from config key flexprice:apiKey:/);
        assert.match(error, /refresh and destroy use the config of the last update/);
      }),
    );
  });

  it("rejects an unknown config key", async () => {
    await withConfig({ "flexprice:apikey": { value: "a typo" } }, async () => {
      const preview = failed(await fixture.preview());
      assert.match(preview.output, /config key flexprice:apikey is unknown/);
      assert.match(preview.output, /pulumi config rm flexprice:apikey/);
      assert.deepEqual(fixture.emulator.requests, []);
    });
  });

  nightly("warns of a credential in plain text in the stack's file", async () => {
    await withEnv({ FLEXPRICE_PREFLIGHT: "false" }, () =>
      withConfig({ "flexprice:apiKey": { value: "sk_readable" } }, async () => {
        assert.deepEqual(messages(succeeded(await fixture.preview()), "warning"), [
          'flexprice:apiKey is stored in the stack\'s file in plain text, and everyone who can read the repository can read it. Replace the credential, and set the new one with "pulumi config set --secret flexprice:apiKey".\n',
        ]);
      }),
    );
  });

  nightly("rejects plain http to another machine before anything is sent", async () => {
    await withEnv({ FLEXPRICE_BASE_URL: "http://flexprice.invalid:8080" }, async () => {
      assert.equal(
        await refusal(account()),
        `${unnamed}Could not use environment variable FLEXPRICE_BASE_URL.\n  Reason: the base URL from environment variable FLEXPRICE_BASE_URL uses plain http to flexprice.invalid: credentials and keys would be sent unencrypted\n  What to do: use https. To allow http, set it with "pulumi config set flexprice:allowInsecure true" or in FLEXPRICE_ALLOW_INSECURE.\n`,
      );
    });
    assert.deepEqual(fixture.emulator.requests, []);
  });

  nightly("rejects a key for an unknown account", async () => {
    const key = (id: string) => `
import * as flexprice from "pulumi-flexprice";
new flexprice.ApiKey("ci", { serviceAccountId: "${id}" });
`;
    const id = "user_01M86HSRMGQP18MFHQCQGFJ1F6";
    await withEnv({ FLEXPRICE_API_KEY: fixture.operator.apiKey }, async () => {
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
    });
  });

  nightly("rejects what an all_writer cannot grant or create", async () => {
    const { tenantId, environmentId } = fixture.operator;
    const { userId, accessToken } = fixture.emulator.createUser(tenantId, ["all_writer"]);
    fixture.hide(accessToken);
    await withConfig(
      { "flexprice:accessToken": { value: accessToken, secret: true } },
      async () => {
        assert.match(
          await refusal(accountWithKey()),
          /The credential from config key flexprice:accessToken is an access token, and keys belong to an environment: set flexprice:environmentId/,
        );
        await withConfig({ "flexprice:environmentId": { value: environmentId } }, async () => {
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
        });
      },
    );
  });

  nightly("rejects a service account if the credential is an event key", async () => {
    const { tenantId, environmentId } = fixture.operator;
    const reader = fixture.emulator.createAccount(tenantId, { roles: ["event_reader"] });
    const { value } = fixture.emulator.createKey(reader.id, environmentId, { name: "reader" });
    await withConfig({ "flexprice:apiKey": { value, secret: true } }, async () => {
      assert.equal(
        await refusal(account()),
        `${unnamed}The credential from config key flexprice:apiKey (service account ${reader.id} with event_reader) may not create service accounts: it lacks "write" on "user". Use a credential that has it, of a user with super_admin or all_writer for instance.\n`,
      );
    });
  });
});

describe("an unreachable server", () => {
  it("never makes resources seem gone", async () => {
    await withStack(account(), {}, async (fixture) => {
      const LOST = "http://127.0.0.1:9/v1";

      succeeded(await fixture.up());
      const held = await fixture.held();
      fixture.workspace.env["FLEXPRICE_BASE_URL"] = LOST;
      fixture.setSource(accountWithKey());
      fixture.emulator.clearRequests();

      await step("preview warns once, and checks roles by the built-in list", async () => {
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

      await nightlyStep("up fails in three parts, and the state is unchanged", async () => {
        const up = failed(await fixture.up());
        assert.deepEqual(changes(up), ["create ApiKey ci"]);
        assert.match(
          messages(up, "error")[0] ?? "",
          /^Could not .+\.\n {2}Reason: no response from GET http:\/\/127\.0\.0\.1:9\/v1\/users\/me: connect ECONNREFUSED .+\n {2}What to do: check flexprice:baseUrl \(or FLEXPRICE_BASE_URL\) and that http:\/\/127\.0\.0\.1:9\/v1 can be reached from here; nothing was sent\.\n$/,
        );
        assert.deepEqual(fixture.takeWrites(), []);
        assert.deepEqual(await fixture.held(), held);
      });

      await step("refresh fails, and the state is unchanged", async () => {
        failed(await fixture.refresh());
        assert.deepEqual(await fixture.held(), held);
      });

      await step("refresh fails if a proxy answers 404 to every path", async () => {
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

      await step("the next up completes once the server is back", async () => {
        const up = succeeded(await fixture.up());
        assert.deepEqual(changes(up), ["create ApiKey ci"]);
        assert.equal(fixture.keys().length, 1);
        assert.equal(fixture.accounts().length, 1);
      });
    });
  });
});
