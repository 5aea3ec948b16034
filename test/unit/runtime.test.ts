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

const request = (config: Record<string, string>) =>
  ({ config: { get: (key: string) => config[key] } }) as unknown as dynamic.ConfigureRequest;

describe("runtime", () => {
  const { error } = console;
  const environment = { ...process.env };
  const fixture = UnitFixture.forEachTest();
  let runtime: Runtime;
  let home: string;
  beforeEach(async () => {
    for (const name of Object.keys(process.env)) {
      if (name.startsWith("FLEXPRICE_")) delete process.env[name];
    }
    // Notes about creates go there, not into the home of the person who runs the tests.
    home = mkdtempSync(join(tmpdir(), "pulumi-flexprice-home-"));
    process.env["PULUMI_HOME"] = home;
    runtime = load();
  });
  afterEach(async () => {
    console.error = error;
    process.env = { ...environment };
    rmSync(home, { recursive: true, force: true });
  });

  const configure = (config: Record<string, string>) =>
    Promise.all(
      [runtime.serviceAccount, runtime.apiKey].map((provider) =>
        provider.configure?.(request(config)),
      ),
    );

  it("exports the names that stand in every state, and nothing else", () => {
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

  it("takes the config over before anything is awaited", async () => {
    const { apiKey } = fixture.operator;
    const configured = configure({
      "flexprice:baseUrl": fixture.emulator.url,
      "flexprice:apiKey": apiKey,
    });
    const account = { namePrefix: "ci", roles: ["event_ingestor"] };
    const created = await runtime.serviceAccount.create?.(account);
    await configured;
    assert(created);
    const inputs: KeyInputs = { type: "private_key", serviceAccountId: created.id };
    const key = await runtime.apiKey.create?.(inputs);
    assert.equal(key?.outs?.userId, created.id);
    // Both share a connection: the caller was requested once.
    assert.deepEqual(fixture.log, ["GET /users/me", "POST /users", "POST /secrets/api/keys"]);
    await runtime.apiKey.delete?.(key.id, key.outs);
    await runtime.serviceAccount.delete?.(created.id, created.outs);
    assert.deepEqual(
      fixture.emulator.accounts().map(({ status }) => status),
      ["archived"],
    );
  });

  it("updates what the plugin created, so that its state names this code", async () => {
    const { apiKey } = fixture.operator;
    await configure({ "flexprice:baseUrl": fixture.emulator.url, "flexprice:apiKey": apiKey });
    const inputs = { namePrefix: "ci", roles: ["event_ingestor"] };
    const created = await runtime.serviceAccount.create?.(inputs);
    assert(created);
    const diff = (state: object) => runtime.serviceAccount.diff?.(created.id, state, inputs);
    assert.equal((await diff({ ...created.outs }))?.changes, true);
    const known = await diff({ ...created.outs, __provider: "exports.handler = …" });
    assert.equal(known?.changes, false);
  });

  it("keeps notes of creates under way in Pulumi's home", async () => {
    await configure({
      "flexprice:baseUrl": fixture.emulator.url,
      "flexprice:apiKey": fixture.operator.apiKey,
    });
    const notes = () => {
      const folder = join(home, "flexprice", "creates");
      return existsSync(folder) ? readdirSync(folder).length : 0;
    };
    let during = 0;
    fixture.emulator.faults.decide = ({ path }) => {
      if (path === "/v1/users") during = notes();
      return undefined;
    };
    await runtime.serviceAccount.create?.({ namePrefix: "ci", roles: ["event_ingestor"] });
    assert.deepEqual([during, notes()], [1, 0]);
  });

  it("goes on without notes where it can keep none, and says so once", async () => {
    const shown: unknown[] = [];
    console.error = (...parts: unknown[]) => shown.push(parts.join(" "));
    writeFileSync(join(home, "flexprice"), "a file where the folder is to be");
    runtime = load();
    await configure({
      "flexprice:baseUrl": fixture.emulator.url,
      "flexprice:apiKey": fixture.operator.apiKey,
    });
    for (const namePrefix of ["one", "two"]) {
      await runtime.serviceAccount.create?.({ namePrefix, roles: ["event_ingestor"] });
    }
    assert.equal(fixture.emulator.accounts().length, 2);
    assert.equal(shown.length, 1);
    assert.match(
      String(shown[0]),
      /^warning: Notes about creates cannot be kept in .*creates \(E\w+\)\./,
    );
  });

  it("reads the environment when it is needed", async () => {
    process.env["FLEXPRICE_BASE_URL"] = fixture.emulator.url;
    process.env["FLEXPRICE_API_KEY"] = fixture.operator.apiKey;
    await runtime.serviceAccount.create?.({ name: "ci", roles: ["event_ingestor"] });
    assert.equal(fixture.emulator.accounts().length, 1);
  });

  it("keeps connections apart", async () => {
    const other = fixture.emulator.createTenant();
    await configure({
      "flexprice:baseUrl": fixture.emulator.url,
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

  it("fails without a credential when something is to be done, and only warns at preview", async () => {
    const shown: unknown[] = [];
    console.error = (...parts: unknown[]) => shown.push(parts.join(" "));
    runtime = load();
    await configure({ "flexprice:baseUrl": fixture.emulator.url });
    const inputs = { name: "ci", roles: ["event_reader"] };
    for (const _ of [1, 2]) {
      assert.deepEqual(await runtime.serviceAccount.check?.({}, inputs), { inputs, failures: [] });
    }
    assert.equal(shown.length, 1);
    assert.match(String(shown[0]), /^warning: No Flexprice credential is configured/);
    await assert.rejects(async () => runtime.serviceAccount.create?.(inputs), {
      kind: "configuration",
      operation: 'create service account "ci"',
      reason: "no Flexprice credential is configured",
    });
  });

  it("shows broken settings as failures of the check", async () => {
    await configure({ "flexprice:baseUrl": "ftp://x.io", "flexprice:apiKey": "a-key-of-mine" });
    const checked = await runtime.apiKey.check?.({}, { name: "k" } as KeyInputs);
    const [failure, ...others] = checked?.failures ?? [];
    assert.deepEqual(others, []);
    assert.match(failure?.reason ?? "", /^Could not use config key flexprice:baseUrl\./);
  });

  it("asks nothing at preview when told not to", async () => {
    await configure({
      "flexprice:baseUrl": fixture.emulator.url,
      "flexprice:apiKey": "a-key-of-mine",
      "flexprice:preflight": "false",
    });
    const checked = await runtime.serviceAccount.check?.(
      {},
      { name: "a", roles: ["event_reader"] },
    );
    assert.deepEqual([checked?.failures, fixture.log], [[], []]);
  });
});
