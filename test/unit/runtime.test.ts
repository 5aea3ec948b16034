import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { dynamic } from "@pulumi/pulumi";
import { type KeyInputs, UnitFixture } from "./fixture";

type Runtime = typeof import("../../provider/runtime");

/** As in a new provider process, with empty caches. */
function load(): Runtime {
  const path = require.resolve("../../provider/runtime");
  delete require.cache[path];
  return require(path) as Runtime;
}

const request = (config: Record<string, string | undefined>) =>
  ({ config: { get: (key: string) => config[key] } }) as unknown as dynamic.ConfigureRequest;

describe("the runtime of the dynamic provider", () => {
  const { error: originalError } = console;
  const originalEnvironment = { ...process.env };
  const fixture = UnitFixture.forEachTest();
  let runtime: Runtime;
  let home: string;
  beforeEach(async () => {
    for (const name of Object.keys(process.env)) {
      if (name.startsWith("FLEXPRICE_")) delete process.env[name];
    }
    // Notes about creates go there, not into the home of whoever runs the tests.
    home = mkdtempSync(join(tmpdir(), "pulumi-flexprice-home-"));
    process.env["PULUMI_HOME"] = home;
    runtime = load();
  });
  afterEach(async () => {
    console.error = originalError;
    process.env = { ...originalEnvironment };
    rmSync(home, { recursive: true, force: true });
  });

  /** Configures both providers for the embedded Flexprice, unless other settings are given. */
  const configure = (settings: Record<string, string | undefined> = {}) => {
    const { emulator, operator } = fixture;
    const defaults = { "flexprice:baseUrl": emulator.url, "flexprice:apiKey": operator.apiKey };
    const config = request({ ...defaults, ...settings });
    return Promise.all(
      [runtime.serviceAccount, runtime.apiKey].map((provider) => provider.configure?.(config)),
    );
  };
  const captureErrors = (): string[] => {
    const lines: string[] = [];
    console.error = (...parts: unknown[]) => lines.push(parts.join(" "));
    return lines;
  };

  it("exports the names that every state contains, and nothing else", () => {
    assert.deepEqual(Object.keys(runtime).sort(), ["apiKey", "serviceAccount"]);
    for (const provider of [runtime.serviceAccount, runtime.apiKey]) {
      const handlers = [
        "check",
        "diff",
        "create",
        "read",
        "update",
        "delete",
        "configure",
      ] as const;
      assert.deepEqual(
        handlers.map((name) => typeof provider[name]),
        handlers.map(() => "function"),
      );
    }
  });

  it("uses the config even if the engine does not wait for configure", async () => {
    const configured = configure();
    const account = { namePrefix: "ci", roles: ["event_ingestor"] };
    const created = await runtime.serviceAccount.create?.(account);
    await configured;
    assert(created);
    const inputs: KeyInputs = { type: "private_key", serviceAccountId: created.id };
    const key = await runtime.apiKey.create?.(inputs);
    assert.equal(key?.outs?.userId, created.id);
    // Both share a connection, so the caller is read once.
    assert.deepEqual(fixture.log, ["GET /users/me", "POST /users", "POST /secrets/api/keys"]);
    await runtime.apiKey.delete?.(key.id, key.outs);
    await runtime.serviceAccount.delete?.(created.id, created.outs);
    assert.deepEqual(
      fixture.emulator.accounts().map(({ status }) => status),
      ["archived"],
    );
  });

  it("updates an object that the plugin created, so that the state contains __provider", async () => {
    await configure();
    const inputs = { namePrefix: "ci", roles: ["event_ingestor"] };
    const created = await runtime.serviceAccount.create?.(inputs);
    assert(created);
    const changes = async (state: object) =>
      (await runtime.serviceAccount.diff?.(created.id, state, inputs))?.changes;
    assert.equal(await changes({ ...created.outs }), true);
    assert.equal(await changes({ ...created.outs, __provider: "exports.handler = …" }), false);
  });

  it("keeps a note in Pulumi's home during a create", async () => {
    await configure();
    const countNotes = () => {
      const folder = join(home, "flexprice", "creates");
      return existsSync(folder) ? readdirSync(folder).length : 0;
    };
    let notesDuringCreate = 0;
    fixture.emulator.faults.decide = ({ path }) => {
      if (path === "/v1/users") notesDuringCreate = countNotes();
      return undefined;
    };
    await runtime.serviceAccount.create?.({ namePrefix: "ci", roles: ["event_ingestor"] });
    assert.deepEqual([notesDuringCreate, countNotes()], [1, 0]);
  });

  it("creates without notes if it cannot write them, and warns once", async () => {
    const errors = captureErrors();
    writeFileSync(join(home, "flexprice"), "a file in place of the folder");
    runtime = load();
    await configure();
    for (const namePrefix of ["one", "two"]) {
      await runtime.serviceAccount.create?.({ namePrefix, roles: ["event_ingestor"] });
    }
    assert.equal(fixture.emulator.accounts().length, 2);
    assert.equal(errors.length, 1);
    assert.match(
      errors.join(),
      /^warning: Notes about creates cannot be kept in .*creates \(E\w+\)\./,
    );
  });

  it("uses environment variables if the engine does not call configure", async () => {
    process.env["FLEXPRICE_BASE_URL"] = fixture.emulator.url;
    process.env["FLEXPRICE_API_KEY"] = fixture.operator.apiKey;
    await runtime.serviceAccount.create?.({ name: "ci", roles: ["event_ingestor"] });
    assert.equal(fixture.emulator.accounts().length, 1);
  });

  it("uses a separate credential for each connection", async () => {
    const other = fixture.emulator.createTenant();
    await configure({
      "flexprice:connections": JSON.stringify({
        a: { apiKey: fixture.operator.apiKey },
        b: { apiKey: other.apiKey },
      }),
    });
    for (const connection of ["a", "b"]) {
      await runtime.serviceAccount.create?.({ name: "ci", roles: ["event_reader"], connection });
    }
    assert.deepEqual(
      fixture.emulator.accounts().map(({ tenantId }) => tenantId),
      [fixture.operator.tenantId, other.tenantId],
    );
  });

  it("warns once in previews if no credential is configured, and fails in create", async () => {
    const errors = captureErrors();
    runtime = load();
    await configure({ "flexprice:apiKey": undefined });
    const inputs = { name: "ci", roles: ["event_reader"] };
    for (const _ of [1, 2]) {
      assert.deepEqual(await runtime.serviceAccount.check?.({}, inputs), { inputs, failures: [] });
    }
    assert.equal(errors.length, 1);
    assert.match(errors.join(), /^warning: No Flexprice credential is configured/);
    await assert.rejects(async () => runtime.serviceAccount.create?.(inputs), {
      kind: "configuration",
      operation: 'create service account "ci"',
      reason: "no Flexprice credential is configured",
    });
  });

  it("returns invalid settings as check failures", async () => {
    await configure({ "flexprice:baseUrl": "ftp://x.io" });
    const checked = await runtime.apiKey.check?.({}, { name: "k" } as KeyInputs);
    const [failure, ...others] = checked?.failures ?? [];
    assert.deepEqual(others, []);
    assert.match(failure?.reason ?? "", /^Could not use config key flexprice:baseUrl\./);
  });

  it("sends no request in a preview if preflight is false", async () => {
    await configure({ "flexprice:apiKey": "an-invalid-key", "flexprice:preflight": "false" });
    const checked = await runtime.serviceAccount.check?.(
      {},
      { name: "a", roles: ["event_reader"] },
    );
    assert.deepEqual([checked?.failures, fixture.log], [[], []]);
  });
});
