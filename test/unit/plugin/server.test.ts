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
import { UNKNOWN } from "../fixture";
import { ACCOUNT, KEY, PluginFixture, urn } from "./fixture";

/** A text in the form of a key, which no message may show. */
const VALUE = "sk_01M85FAKMEBXGA1EGXE598V41Z";

const STACK_TRACE = /\n\s+at .+:\d+:\d+/;

let fixture: PluginFixture;

/** What the engine shows of a call that fails. */
async function failureOf(call: Promise<unknown>): Promise<ServiceError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof Error && "details" in error) return error as ServiceError;
    throw error;
  }
  throw new assert.AssertionError({ message: "the call succeeded" });
}

describe("plugin/server", () => {
  beforeEach(async () => {
    fixture = await PluginFixture.start();
  });
  afterEach(() => fixture.stop());

  describe("a provider instance", () => {
    it("says what it is before it has settings", async () => {
      const { ProviderHandshakeRequest, GetSchemaRequest } = providerMessages();
      const { client } = fixture;
      const handshake = await fixture.send(client.handshake, new ProviderHandshakeRequest());
      assert.equal(handshake.getAcceptSecrets(), true);
      const info = await fixture.send(client.getPluginInfo, new (empties().Empty)());
      assert.equal(info.getVersion(), version);
      const schema = await fixture.send(client.getSchema, new GetSchemaRequest());
      assert.equal(JSON.parse(schema.getSchema()).name, "flexprice");
    });

    it("rejects settings that cannot work, in three parts each, and takes others as they are", async () => {
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

    it("is changed by other settings, but never replaced, since that would replace its resources", async () => {
      const { DiffRequest, DiffResponse } = providerMessages();
      const diff = (olds: Record<string, unknown>, news: Record<string, unknown>) =>
        fixture.send(
          fixture.client.diffConfig,
          new DiffRequest().setOldInputs(toStruct(olds)).setNews(toStruct(news)),
        );
      const changed = await diff({ apiKey: "a", baseUrl: "b" }, { apiKey: "c", baseUrl: "b" });
      assert.equal(changed.getChanges(), DiffResponse.DiffChanges.DIFF_SOME);
      assert.deepEqual([changed.getDiffsList(), changed.getReplacesList()], [["apiKey"], []]);
      const same = await diff({ apiKey: "a" }, { apiKey: "a" });
      assert.equal(same.getChanges(), DiffResponse.DiffChanges.DIFF_NONE);
      const dynamic = await diff({ "pulumi-nodejs:a": "b" }, {});
      assert.deepEqual(dynamic.getReplacesList(), []);
    });

    it("goes on after a cancel, which ends every operation", async () => {
      await fixture.configure();
      await fixture.send(fixture.client.cancel, new (empties().Empty)());
      const { id } = await fixture.create(urn(ACCOUNT), {
        namePrefix: "ci",
        roles: ["event_reader"],
      });
      assert.equal(fixture.emulator.accounts()[0]?.id, id);
    });

    it("offers an old SDK only the methods that it knows", () => {
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

  describe("what it finds out by the URN", () => {
    const checked = async (urn: string) =>
      (await fixture.check(urn, { roles: ["event_reader"] })).inputs["namePrefix"];

    it("is the logical name, the default of namePrefix", async () => {
      await fixture.configure({ preflight: "false" });
      assert.equal(await checked(urn(ACCOUNT, "usage-ingestor")), "usage-ingestor");
      assert.equal(await checked(urn(ACCOUNT, "a::b")), "a::b");
      assert.equal(await checked(urn(`my:index:Part$flexprice:index:Other$${ACCOUNT}`)), "ci");
      const given = await fixture.check(urn(ACCOUNT), { roles: ["event_reader"], namePrefix: "p" });
      assert.equal(given.inputs["namePrefix"], "p");
    });

    it("is the type: an unknown one is a defect, whose stack shows no secret", async () => {
      await fixture.configure();
      const { details } = await failureOf(fixture.check(urn(`flexprice:index:${VALUE}`), {}));
      assert.match(
        details,
        /^Error: Flexprice has no resource of type flexprice:index:\[redacted\]/,
      );
      assert.match(details, STACK_TRACE);
      const { InvokeRequest } = providerMessages();
      const call = new InvokeRequest().setTok("flexprice:index:getNothing");
      const unknown = await failureOf(fixture.send(fixture.client.invoke, call));
      assert.match(unknown.details, /Flexprice has no function flexprice:index:getNothing/);
    });

    it("is beside which resource a warning is shown", async () => {
      await fixture.configure({ apiKey: "" });
      await fixture.check(urn(KEY), {});
      assert.match(fixture.logged[0]?.message ?? "", /No Flexprice credential is configured/);
      assert.equal(fixture.logged[0]?.urn, urn(KEY));
    });
  });

  describe("a check", () => {
    it("keeps what came in as a secret, and always the key to adopt", async () => {
      await fixture.configure({ preflight: "false" });
      const { CheckRequest } = providerMessages();
      const news = { name: "k", connection: "eu", adopt: { id: "secret_01A", apiKey: VALUE } };
      const request = new CheckRequest().setUrn(urn(KEY)).setNews(toStruct(news, ["connection"]));
      const response = await fixture.send(fixture.client.check, request);
      assert.deepEqual(secretsIn(response.getInputs()).sort(), ["adopt", "connection"]);
    });

    it("names no property in its failures", async () => {
      await fixture.configure();
      const { failures } = await fixture.check(urn(ACCOUNT), { roles: ["event_ingestr"] });
      assert.equal(failures.length, 1);
      assert.equal(failures[0]?.property, "");
      assert.match(failures[0]?.reason ?? "", /^roles: Invalid role: event_ingestr\./);
    });
  });

  describe("a create", () => {
    beforeEach(() => fixture.configure());

    it("returns the outputs, the key's value and what came in as a secret as secrets", async () => {
      const inputs = { namePrefix: "ci", type: "private_key", rotationTriggers: { a: "1" } };
      const { id, outputs, wire } = await fixture.create(urn(KEY), inputs, {
        secrets: ["rotationTriggers"],
      });
      const key = fixture.emulator.keys().find((one) => one.id === id);
      assert.equal(outputs["apiKey"], key?.value);
      assert.deepEqual(secretsIn(wire).sort(), ["apiKey", "rotationTriggers"]);
    });

    it("in a preview sends nothing, and tells what is known", async () => {
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

    it("that succeeds in part tells the engine what to keep, and why it failed", async () => {
      fixture.emulator.faults.add({
        ...{ kind: "status", status: 403, when: "before", times: 1 },
        match: { method: "PUT", path: /\/users\// },
      });
      const inputs = { name: "named", namePrefix: "ci", roles: ["event_reader"] };
      const error = await failureOf(fixture.create(urn(ACCOUNT), inputs));
      const [account] = fixture.emulator.accounts();
      const [encoded] = error.metadata.get("grpc-status-details-bin");
      assert.ok(Buffer.isBuffer(encoded));
      const status = statusMessages().Status.deserializeBinary(encoded);
      assert.deepEqual([status.getCode(), error.code], [2, 2]);
      const [any, ...others] = status.getDetailsList();
      assert.deepEqual(others, []);
      const { ErrorResourceInitFailed } = providerMessages();
      const detail = any?.unpack(
        ErrorResourceInitFailed.deserializeBinary,
        "pulumirpc.ErrorResourceInitFailed",
      );
      assert.equal(detail?.getId(), account?.id);
      const { name, tenantId } = fromStruct(detail?.getProperties());
      assert.deepEqual([name, tenantId], [account?.name, fixture.operator.tenantId]);
      const [reason = "", ...more] = detail?.getReasonsList() ?? [];
      assert.deepEqual(more, []);
      assert.match(
        reason,
        /^Could not rename .*\n {2}Reason: .*403.*\n {2}What to do: run "pulumi up" again/,
      );
      assert.equal(error.details, reason);
    });

    it("that succeeds in part keeps secret inputs secret", async () => {
      fixture.emulator.faults.add({
        ...{ kind: "status", status: 403, when: "before", times: 1 },
        match: { method: "PUT", path: /\/users\// },
      });
      const inputs = { name: "hidden", namePrefix: "ci", roles: ["event_reader"] };
      const created = fixture.create(urn(ACCOUNT), inputs, { secrets: ["name"] });
      const [encoded] = (await failureOf(created)).metadata.get("grpc-status-details-bin");
      assert.ok(Buffer.isBuffer(encoded));
      const [any] = statusMessages().Status.deserializeBinary(encoded).getDetailsList();
      const { ErrorResourceInitFailed } = providerMessages();
      const type = "pulumirpc.ErrorResourceInitFailed";
      const detail = any?.unpack(ErrorResourceInitFailed.deserializeBinary, type);
      assert.deepEqual(secretsIn(detail?.getProperties()), ["name"]);
    });

    it("keeps a name secret that begins with a secret prefix", async () => {
      const inputs = { namePrefix: "hidden", roles: ["event_reader"] };
      const { wire } = await fixture.create(urn(ACCOUNT), inputs, { secrets: ["namePrefix"] });
      assert.deepEqual(secretsIn(wire).sort(), ["autoName", "name", "namePrefix"]);
    });

    it("serves a resource that an interrupted move has given the type of the dynamic front end", async () => {
      const inputs = { namePrefix: "ci", roles: ["event_reader"] };
      const { id } = await fixture.create(urn(SERVICE_ACCOUNT_TYPE), inputs);
      assert.match(id, /^user_/);
    });

    it("that fails shows three parts without a stack", async () => {
      fixture.emulator.faults.add({
        ...{ kind: "status", status: 403, when: "before", times: 1 },
        match: { method: "POST", path: /\/users$/ },
      });
      const error = await failureOf(
        fixture.create(urn(ACCOUNT), { namePrefix: "ci", roles: ["event_reader"] }),
      );
      assert.match(error.details, /^Could not create .+\.\n {2}Reason: .+\n {2}What to do: .+$/);
      assert.doesNotMatch(error.details, STACK_TRACE);
      assert.deepEqual(error.metadata.get("grpc-status-details-bin"), []);
    });
  });

  describe("a diff", () => {
    beforeEach(() => fixture.configure());

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

    it("is none without a change", async () => {
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

    it("has the kind of each change, in place or by a replacement", async () => {
      const account = { name: "a", namePrefix: "ci", roles: ["event_reader"] };
      const made = await fixture.create(urn(ACCOUNT), account);
      const accountDiff = (news: Record<string, unknown>) =>
        kinds(
          fixture.diff(urn(ACCOUNT), made.id, {
            ...{ olds: made.outputs, oldInputs: account, news },
          }),
        );
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
      // The state's name was no input before.
      const nameless = { namePrefix: "ci", roles: ["event_reader"] };
      const { outputs: named } = await fixture.create(urn(ACCOUNT), nameless);
      const naming = { olds: named, oldInputs: nameless, news: account };
      assert.deepEqual(await kinds(fixture.diff(urn(ACCOUNT), "user_01A", naming)), [
        ["name", "ADD", "inputs"],
      ]);
      const key = { namePrefix: "ci", type: "private_key", expiresIn: "90d", rotateBefore: "5d" };
      const { id, outputs: olds } = await fixture.create(urn(KEY), key);
      const { rotateBefore: _, ...without } = key;
      assert.deepEqual(
        await kinds(fixture.diff(urn(KEY), id, { olds, oldInputs: key, news: without })),
        [["rotateBefore", "DELETE", "inputs"]],
      );
      const { expiresIn: _e, ...endless } = without;
      assert.deepEqual(
        await kinds(fixture.diff(urn(KEY), id, { olds, oldInputs: key, news: endless })),
        [
          ["expiresIn", "DELETE_REPLACE", "inputs"],
          ["rotateBefore", "DELETE", "inputs"],
        ],
      );
    });

    it("compares outputs with inputs for drift and a due rotation, which show in no input", async () => {
      const account = { namePrefix: "ci", roles: ["event_reader"] };
      const made = await fixture.create(urn(ACCOUNT), account);
      const renamed = { ...made.outputs, roles: ["super_admin"] };
      assert.deepEqual(
        await kinds(
          fixture.diff(urn(ACCOUNT), made.id, {
            ...{ olds: renamed, oldInputs: account, news: account },
          }),
        ),
        [["roles", "UPDATE_REPLACE", "outputs"]],
      );
      const key = { namePrefix: "ci", type: "private_key", expiresIn: "90d", rotateBefore: "5d" };
      const { id, outputs } = await fixture.create(urn(KEY), key);
      const olds = { ...outputs, expiresAt: new Date(Date.now() + 86_400_000).toISOString() };
      assert.deepEqual(
        await kinds(fixture.diff(urn(KEY), id, { olds, oldInputs: key, news: key })),
        [["expiresAt", "DELETE_REPLACE", "outputs"]],
      );
    });
  });

  describe("an update", () => {
    it("in a preview sends nothing, and keeps known what stays", async () => {
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

  describe("a read", () => {
    beforeEach(() => fixture.configure());

    const read = (
      type: string,
      id: string,
      given: { properties?: ReturnType<typeof toStruct>; inputs?: ReturnType<typeof toStruct> },
    ) => {
      const { ReadRequest } = providerMessages();
      const request = new ReadRequest().setUrn(urn(type)).setId(id);
      if (given.properties) request.setProperties(given.properties);
      if (given.inputs) request.setInputs(given.inputs);
      return fixture.send(fixture.client.read, request);
    };

    it("without properties is an import, whose response has inputs", async () => {
      const { tenantId } = fixture.operator;
      const roles = ["event_reader"];
      const { id } = fixture.emulator.createAccount(tenantId, { name: "by hand", roles });
      const imported = await read(ACCOUNT, id, {});
      assert.equal(imported.getId(), id);
      assert.deepEqual(fromStruct(imported.getInputs()), { name: "by hand", roles });
      assert.deepEqual(fromStruct(imported.getProperties()), { name: "by hand", roles, tenantId });

      const { environmentId } = fixture.operator;
      const key = fixture.emulator.createKey(id, environmentId, { name: "by hand" });
      assert.deepEqual(fromStruct((await read(KEY, key.id, {})).getInputs()), {
        ...{ name: "by hand", type: "private_key", serviceAccountId: id },
      });
    });

    it("keeps the inputs, and as secrets what was secret and the value of a key", async () => {
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

    it("responds with nothing if the object is gone", async () => {
      const inputs = { namePrefix: "ci", type: "private_key" };
      const { id, outputs } = await fixture.create(urn(KEY), inputs);
      fixture.emulator.revokeKey(id);
      // Of an id that is older than any replica's lag.
      const old = "secret_01K00000000000000000000000";
      const response = await read(KEY, old, { properties: toStruct(outputs) });
      assert.equal(response.getId(), "");
      assert.equal(response.getProperties(), undefined);
    });
  });

  it("deletes, and calls functions with the settings of the instance", async () => {
    await fixture.configure();
    const { DeleteRequest, InvokeRequest } = providerMessages();
    const { id, outputs } = await fixture.create(urn(ACCOUNT), {
      ...{ namePrefix: "ci", roles: ["event_reader"] },
    });
    const request = new DeleteRequest().setUrn(urn(ACCOUNT)).setId(id);
    await fixture.send(fixture.client.delete, request.setProperties(toStruct(outputs)));
    assert.equal(fixture.emulator.accounts()[0]?.status, "archived");
    const call = new InvokeRequest().setTok("flexprice:index:getCaller");
    const response = await fixture.send(fixture.client.invoke, call);
    assert.equal(fromStruct(response.getReturn())["id"], fixture.operator.userId);
  });
});
