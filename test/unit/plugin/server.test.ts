import assert from "node:assert/strict";
import type { ServiceError } from "@grpc/grpc-js";
import { version } from "../../../package.json";
import { ProviderServer } from "../../../provider/plugin/server";
import { fromStruct, secretsIn, toStruct } from "../../../provider/plugin/wire";
import {
  empties,
  providerMessages,
  providerService,
  statusMessages,
} from "../../../provider/shared/grpc";
import { SERVICE_ACCOUNT_TYPE } from "../../../provider/shared/resource-types";
import { DAY, UNKNOWN } from "../fixture";
import { ACCOUNT, failureOf, KEY, PluginFixture, urn } from "./fixture";

/** A text in the form of a key, which no message may show. */
const VALUE = "sk_01M85FAKMEBXGA1EGXE598V41Z";

const STACK_TRACE = /\n\s+at .+:\d+:\d+/;

describe("the plugin", () => {
  const fixture = PluginFixture.forEachTest();

  describe("as a provider instance", () => {
    it("returns its version and schema before it has settings", async () => {
      const { ProviderHandshakeRequest, GetSchemaRequest } = providerMessages();
      const { client } = fixture;
      const handshake = await fixture.send(client.handshake, new ProviderHandshakeRequest());
      assert.equal(handshake.getAcceptSecrets(), true);
      const info = await fixture.send(client.getPluginInfo, new (empties().Empty)());
      assert.equal(info.getVersion(), version);
      const schema = await fixture.send(client.getSchema, new GetSchemaRequest());
      assert.equal(JSON.parse(schema.getSchema()).name, "flexprice");
    });

    it("rejects invalid settings with an error of three parts, and returns valid ones unchanged", async () => {
      const { CheckRequest } = providerMessages();
      const check = (settings: Record<string, unknown>, secrets: string[] = []) =>
        fixture.send(
          fixture.client.checkConfig,
          new CheckRequest()
            .setUrn(urn("pulumi:providers:flexprice", "eu"))
            .setNews(toStruct(settings, secrets)),
        );
      const rejected = await check({ apikey: VALUE });
      const [failure, ...others] = rejected.toObject().failuresList;
      assert.deepEqual(others, []);
      // If it named a property, the engine would show the value.
      assert.equal(failure?.property, "");
      assert.match(failure?.reason ?? "", /^Could not .+\.\n {2}Reason: .+\n {2}What to do: .+$/);
      assert.ok(!failure?.reason.includes(VALUE));

      const settings = { version, apiKey: VALUE, baseUrl: fixture.emulator.url };
      const accepted = await check(settings, ["apiKey"]);
      assert.deepEqual(accepted.getFailuresList(), []);
      assert.deepEqual(fromStruct(accepted.getInputs()), settings);
      assert.deepEqual(secretsIn(accepted.getInputs()), ["apiKey"]);
    });

    it("updates for other settings, and never replaces, which would replace its resources", async () => {
      const { DiffRequest, DiffResponse } = providerMessages();
      const diff = (olds: Record<string, unknown>, news: Record<string, unknown>) =>
        fixture.send(
          fixture.client.diffConfig,
          new DiffRequest().setOldInputs(toStruct(olds)).setNews(toStruct(news)),
        );
      const changed = await diff({ apiKey: "a", baseUrl: "b" }, { apiKey: "c", baseUrl: "b" });
      assert.equal(changed.getChanges(), DiffResponse.DiffChanges.DIFF_SOME);
      assert.deepEqual([changed.getDiffsList(), changed.getReplacesList()], [["apiKey"], []]);
      const unchanged = await diff({ apiKey: "a" }, { apiKey: "a" });
      assert.equal(unchanged.getChanges(), DiffResponse.DiffChanges.DIFF_NONE);
      const dynamic = await diff({ "pulumi-nodejs:a": "b" }, {});
      assert.deepEqual(dynamic.getReplacesList(), []);
    });

    it("still works after a cancel, which the engine sends at the end of every operation", async () => {
      await fixture.configure();
      await fixture.send(fixture.client.cancel, new (empties().Empty)());
      const { id } = await fixture.create(urn(ACCOUNT), {
        namePrefix: "ci",
        roles: ["event_reader"],
      });
      assert.equal(fixture.emulator.accounts()[0]?.id, id);
    });

    it("serves only the methods that an old SDK knows", () => {
      const { ResourceProviderService } = providerService();
      const { handshake } = ResourceProviderService;
      assert.ok("handshake" in new ProviderServer(undefined).handlers());
      Reflect.deleteProperty(ResourceProviderService, "handshake");
      try {
        const handlers = new ProviderServer(undefined).handlers();
        assert.ok(!("handshake" in handlers));
        assert.ok("create" in handlers);
      } finally {
        Object.assign(ResourceProviderService, { handshake });
      }
    });
  });

  describe("given a URN", () => {
    it("uses the logical name in it as the default of namePrefix", async () => {
      await fixture.configure({ preflight: "false" });
      const prefixOf = async (urn: string, inputs = {}) =>
        (await fixture.check(urn, { roles: ["event_reader"], ...inputs })).inputs["namePrefix"];
      assert.equal(await prefixOf(urn(ACCOUNT, "usage-ingestor")), "usage-ingestor");
      assert.equal(await prefixOf(urn(ACCOUNT, "a::b")), "a::b");
      assert.equal(await prefixOf(urn(`my:index:Part$flexprice:index:Other$${ACCOUNT}`)), "ci");
      assert.equal(await prefixOf(urn(ACCOUNT), { namePrefix: "p" }), "p");
    });

    it("fails for an unknown type, and shows a stack trace without secrets", async () => {
      await fixture.configure();
      const { details } = await failureOf(fixture.check(urn(`flexprice:index:${VALUE}`), {}));
      assert.match(
        details,
        /^Error: Flexprice has no resource of type flexprice:index:\[redacted\]/,
      );
      assert.match(details, STACK_TRACE);
    });

    it("shows warnings beside that resource", async () => {
      await fixture.configure({ apiKey: "" });
      await fixture.check(urn(KEY), {});
      assert.match(fixture.logged[0]?.message ?? "", /No Flexprice credential is configured/);
      assert.equal(fixture.logged[0]?.urn, urn(KEY));
    });
  });

  describe("in check", () => {
    it("keeps secret inputs secret, and always the key to adopt", async () => {
      await fixture.configure({ preflight: "false" });
      const { CheckRequest } = providerMessages();
      const news = { name: "k", connection: "eu", adopt: { id: "secret_01A", apiKey: VALUE } };
      const request = new CheckRequest().setUrn(urn(KEY)).setNews(toStruct(news, ["connection"]));
      const response = await fixture.send(fixture.client.check, request);
      assert.deepEqual(secretsIn(response.getInputs()).sort(), ["adopt", "connection"]);
    });

    it("returns failures that name no property", async () => {
      await fixture.configure();
      const { failures } = await fixture.check(urn(ACCOUNT), { roles: ["event_ingestr"] });
      assert.equal(failures.length, 1);
      assert.equal(failures[0]?.property, "");
      assert.match(failures[0]?.reason ?? "", /^roles: Invalid role: event_ingestr\./);
    });
  });

  describe("in create", () => {
    beforeEach(() => fixture.configure());

    /** Creates an account that is created, but not renamed. */
    const createPartly = (options?: { secrets: readonly string[] }) => {
      rejectOnce("PUT", /\/users\//);
      const inputs = { name: "named", namePrefix: "ci", roles: ["event_reader"] };
      return failureOf(fixture.create(urn(ACCOUNT), inputs, options));
    };
    const rejectOnce = (method: string, path: RegExp) =>
      fixture.emulator.faults.add({
        ...{ kind: "status", status: 403, when: "before", times: 1 },
        match: { method, path },
      });
    /** The status and what the engine keeps of a partly created resource. */
    const partialCreate = ({ metadata }: ServiceError) => {
      const [encoded] = metadata.get("grpc-status-details-bin");
      assert.ok(Buffer.isBuffer(encoded));
      const status = statusMessages().Status.deserializeBinary(encoded);
      const [any, ...others] = status.getDetailsList();
      assert.deepEqual(others, []);
      const { ErrorResourceInitFailed } = providerMessages();
      const type = "pulumirpc.ErrorResourceInitFailed";
      const detail = any?.unpack(ErrorResourceInitFailed.deserializeBinary, type);
      return { code: status.getCode(), detail: detail ?? assert.fail(type) };
    };

    it("returns secret inputs and the value of a key as secrets", async () => {
      const inputs = { namePrefix: "ci", type: "private_key", rotationTriggers: { a: "1" } };
      const { id, outputs, wire } = await fixture.create(urn(KEY), inputs, {
        secrets: ["rotationTriggers"],
      });
      const created = fixture.emulator.keys().find((key) => key.id === id);
      assert.equal(outputs["apiKey"], created?.value);
      assert.deepEqual(secretsIn(wire).sort(), ["apiKey", "rotationTriggers"]);
    });

    it("returns the known outputs in a preview without a request", async () => {
      fixture.emulator.clearRequests();
      const account = await fixture.create(
        urn(ACCOUNT),
        { name: "named", roles: ["event_reader"] },
        { preview: true },
      );
      assert.equal(account.id, "");
      assert.deepEqual(account.outputs, {
        ...{ name: "named", roles: ["event_reader"], tenantId: UNKNOWN },
      });
      const key = await fixture.create(
        urn(KEY),
        { namePrefix: "ci", type: "private_key", expiresIn: "9d", serviceAccountId: "user_01A" },
        { preview: true },
      );
      assert.equal(key.id, "");
      const unknown = Object.entries(key.outputs).filter(([, value]) => value === UNKNOWN);
      assert.deepEqual(unknown.map(([name]) => name).sort(), [
        ...["apiKey", "autoName", "createdAt", "displayId", "expiresAt", "name", "roles"],
        ...["tenantId", "userType"],
      ]);
      assert.equal(key.outputs["userId"], "user_01A");
      assert.deepEqual(secretsIn(key.wire), ["apiKey"]);
      assert.deepEqual(fixture.emulator.requests, []);
    });

    it("returns the id and the properties of an account that it cannot rename, and the reason", async () => {
      const error = await createPartly();
      const { code, detail } = partialCreate(error);
      assert.deepEqual([code, error.code], [2, 2]);
      const [account] = fixture.emulator.accounts();
      assert.equal(detail.getId(), account?.id);
      const { name, tenantId } = fromStruct(detail.getProperties());
      assert.deepEqual([name, tenantId], [account?.name, fixture.operator.tenantId]);
      const [reason = "", ...others] = detail.getReasonsList();
      assert.deepEqual(others, []);
      assert.match(
        reason,
        /^Could not rename .*\n {2}Reason: .*403.*\n {2}What to do: run "pulumi up" again/,
      );
      assert.equal(error.details, reason);
    });

    it("keeps the secret inputs of an account secret that it cannot rename", async () => {
      const { detail } = partialCreate(await createPartly({ secrets: ["name"] }));
      assert.deepEqual(secretsIn(detail.getProperties()), ["name"]);
    });

    it("keeps a unique name secret if its prefix is secret", async () => {
      const inputs = { namePrefix: "hidden", roles: ["event_reader"] };
      const { wire } = await fixture.create(urn(ACCOUNT), inputs, { secrets: ["namePrefix"] });
      assert.deepEqual(secretsIn(wire).sort(), ["autoName", "name", "namePrefix"]);
    });

    it("creates a resource with the type of the dynamic front end, which an interrupted move has left in the state", async () => {
      const inputs = { namePrefix: "ci", roles: ["event_reader"] };
      const { id } = await fixture.create(urn(SERVICE_ACCOUNT_TYPE), inputs);
      assert.match(id, /^user_/);
    });

    it("fails with an error of three parts without a stack trace", async () => {
      rejectOnce("POST", /\/users$/);
      const inputs = { namePrefix: "ci", roles: ["event_reader"] };
      const error = await failureOf(fixture.create(urn(ACCOUNT), inputs));
      assert.match(error.details, /^Could not create .+\.\n {2}Reason: .+\n {2}What to do: .+$/);
      assert.doesNotMatch(error.details, STACK_TRACE);
      assert.deepEqual(error.metadata.get("grpc-status-details-bin"), []);
    });
  });

  describe("in diff", () => {
    beforeEach(() => fixture.configure());

    const keyInputs = {
      namePrefix: "ci",
      type: "private_key",
      expiresIn: "90d",
      rotateBefore: "5d",
    };
    /** Each changed property, the kind of its change, and whether inputs or outputs were compared. */
    const kinds = async (call: ReturnType<PluginFixture["diff"]>) => {
      const { Kind } = providerMessages().PropertyDiff;
      const names = Object.entries(Kind).map(([name, number]) => [number, name] as const);
      const { hasdetaileddiff, detaileddiffMap } = (await call).toObject();
      assert.equal(hasdetaileddiff, true);
      return detaileddiffMap
        .map(([property, { kind, inputdiff }]) => [
          property,
          new Map(names).get(kind),
          inputdiff ? "inputs" : "outputs",
        ])
        .sort();
    };

    it("reports no change for the same inputs", async () => {
      const inputs = { namePrefix: "ci", roles: ["event_reader"] };
      const { id, outputs: olds } = await fixture.create(urn(ACCOUNT), inputs);
      const response = await fixture.diff(urn(ACCOUNT), id, {
        olds,
        oldInputs: inputs,
        news: inputs,
      });
      const { DiffChanges } = providerMessages().DiffResponse;
      assert.equal(response.getChanges(), DiffChanges.DIFF_NONE);
      assert.deepEqual(response.getDetaileddiffMap().toArray(), []);
    });

    it("reports whether each changed input of an account updates or replaces it", async () => {
      const account = { name: "a", namePrefix: "ci", roles: ["event_reader"] };
      const { id, outputs: olds } = await fixture.create(urn(ACCOUNT), account);
      const accountDiff = (news: Record<string, unknown>) =>
        kinds(fixture.diff(urn(ACCOUNT), id, { olds, oldInputs: account, news }));
      assert.deepEqual(await accountDiff({ ...account, name: "b", forceDestroy: true }), [
        ["forceDestroy", "ADD", "inputs"],
        ["name", "UPDATE", "inputs"],
      ]);
      assert.deepEqual(
        await accountDiff({ ...account, roles: ["event_ingestor"], connection: "eu" }),
        [
          ["connection", "ADD_REPLACE", "inputs"],
          ["roles", "UPDATE_REPLACE", "inputs"],
        ],
      );
    });

    it("reports a name that the program sets first as an added input", async () => {
      const oldInputs = { namePrefix: "ci", roles: ["event_reader"] };
      const { id, outputs: olds } = await fixture.create(urn(ACCOUNT), oldInputs);
      const news = { ...oldInputs, name: "a" };
      const diff = fixture.diff(urn(ACCOUNT), id, { olds, oldInputs, news });
      assert.deepEqual(await kinds(diff), [["name", "ADD", "inputs"]]);
    });

    it("reports whether each removed input of a key updates or replaces it", async () => {
      const oldInputs = keyInputs;
      const { id, outputs: olds } = await fixture.create(urn(KEY), oldInputs);
      const { rotateBefore: _r, ...withoutRotation } = oldInputs;
      const { expiresIn: _e, ...withoutExpiry } = withoutRotation;
      for (const [news, expected] of [
        [withoutRotation, [["rotateBefore", "DELETE", "inputs"]]],
        [
          withoutExpiry,
          [
            ["expiresIn", "DELETE_REPLACE", "inputs"],
            ["rotateBefore", "DELETE", "inputs"],
          ],
        ],
      ] as const) {
        const diff = fixture.diff(urn(KEY), id, { olds, oldInputs, news });
        assert.deepEqual(await kinds(diff), expected);
      }
    });

    it("reports drift and a due rotation as changes of outputs", async () => {
      const account = { namePrefix: "ci", roles: ["event_reader"] };
      const key = keyInputs;
      const expiresAt = new Date(Date.now() + DAY).toISOString();
      for (const [type, inputs, drift, expected] of [
        [ACCOUNT, account, { roles: ["super_admin"] }, ["roles", "UPDATE_REPLACE", "outputs"]],
        [KEY, key, { expiresAt }, ["expiresAt", "DELETE_REPLACE", "outputs"]],
      ] as const) {
        const { id, outputs } = await fixture.create(urn(type), inputs);
        const olds = { ...outputs, ...drift };
        const diff = fixture.diff(urn(type), id, { olds, oldInputs: inputs, news: inputs });
        assert.deepEqual(await kinds(diff), [expected]);
      }
    });
  });

  describe("in update", () => {
    it("returns the known outputs in a preview without a request, and then renames", async () => {
      await fixture.configure();
      const inputs = { name: "a", namePrefix: "ci", roles: ["event_reader"] };
      const { id, outputs } = await fixture.create(urn(ACCOUNT), inputs);
      fixture.emulator.clearRequests();
      const { UpdateRequest } = providerMessages();
      const request = new UpdateRequest()
        .setUrn(urn(ACCOUNT))
        .setId(id)
        .setPreview(true)
        .setOlds(toStruct(outputs))
        .setNews(toStruct({ ...inputs, name: "b" }, ["roles"]));
      const response = await fixture.send(fixture.client.update, request);
      assert.deepEqual(fromStruct(response.getProperties()), { ...outputs, name: "b" });
      assert.deepEqual(secretsIn(response.getProperties()), ["roles"]);
      assert.deepEqual(fixture.emulator.requests, []);

      await fixture.send(fixture.client.update, request.setPreview(false));
      assert.equal(fixture.emulator.accounts()[0]?.name, "b");
    });
  });

  describe("in read", () => {
    beforeEach(() => fixture.configure());

    const read = (
      type: string,
      id: string,
      fields: { properties?: ReturnType<typeof toStruct>; inputs?: ReturnType<typeof toStruct> },
    ) => {
      const { ReadRequest } = providerMessages();
      const request = new ReadRequest().setUrn(urn(type)).setId(id);
      if (fields.properties) request.setProperties(fields.properties);
      if (fields.inputs) request.setInputs(fields.inputs);
      return fixture.send(fixture.client.read, request);
    };

    it("imports an object if the request has no properties, and returns inputs", async () => {
      const { tenantId } = fixture.operator;
      const roles = ["event_reader"];
      const { id } = fixture.emulator.createAccount(tenantId, { name: "by hand", roles });
      const imported = await read(ACCOUNT, id, {});
      assert.equal(imported.getId(), id);
      assert.deepEqual(fromStruct(imported.getInputs()), { name: "by hand", roles });
      assert.deepEqual(fromStruct(imported.getProperties()), { name: "by hand", roles, tenantId });

      const key = fixture.emulator.createKey(id, fixture.operator.environmentId, {
        name: "by hand",
      });
      assert.deepEqual(fromStruct((await read(KEY, key.id, {})).getInputs()), {
        ...{ name: "by hand", type: "private_key", serviceAccountId: id },
      });
    });

    it("keeps the inputs and their secrets, and returns the value of a key as a secret", async () => {
      const inputs = { namePrefix: "ci", type: "private_key" };
      const { id, outputs } = await fixture.create(urn(KEY), inputs);
      const response = await read(KEY, id, {
        properties: toStruct(outputs, ["displayId"]),
        inputs: toStruct({ ...inputs, apiKey: VALUE }),
      });
      assert.deepEqual(fromStruct(response.getInputs()), { ...inputs, apiKey: VALUE });
      assert.deepEqual(secretsIn(response.getProperties()).sort(), ["apiKey", "displayId"]);
      assert.deepEqual(secretsIn(response.getInputs()), ["apiKey"]);
    });

    it("returns an empty response if the object is gone", async () => {
      const inputs = { namePrefix: "ci", type: "private_key" };
      const { id, outputs } = await fixture.create(urn(KEY), inputs);
      fixture.emulator.revokeKey(id);
      // The time in this id is older than any lag of a read replica.
      const oldId = "secret_01K00000000000000000000000";
      const response = await read(KEY, oldId, { properties: toStruct(outputs) });
      assert.equal(response.getId(), "");
      assert.equal(response.getProperties(), undefined);
    });
  });

  it("archives an account in delete", async () => {
    await fixture.configure();
    const inputs = { namePrefix: "ci", roles: ["event_reader"] };
    const { id, outputs } = await fixture.create(urn(ACCOUNT), inputs);
    const { DeleteRequest } = providerMessages();
    const request = new DeleteRequest().setUrn(urn(ACCOUNT)).setId(id);
    await fixture.send(fixture.client.delete, request.setProperties(toStruct(outputs)));
    assert.equal(fixture.emulator.accounts()[0]?.status, "archived");
  });

  it("calls functions with the settings of the instance, and fails for an unknown function", async () => {
    await fixture.configure();
    const invoke = (name: string) => {
      const { InvokeRequest } = providerMessages();
      const request = new InvokeRequest().setTok(`flexprice:index:${name}`);
      return fixture.send(fixture.client.invoke, request);
    };
    const response = await invoke("getCaller");
    assert.equal(fromStruct(response.getReturn())["id"], fixture.operator.userId);
    const { details } = await failureOf(invoke("getNothing"));
    assert.match(details, /Flexprice has no function flexprice:index:getNothing/);
  });
});
