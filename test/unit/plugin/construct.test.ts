import assert from "node:assert/strict";
import type { ServerUnaryCall, sendUnaryData } from "@grpc/grpc-js";
import type { ConstructResponse } from "@pulumi/pulumi/proto/provider_pb";
import type {
  RegisterResourceOutputsRequest,
  RegisterResourceRequest,
} from "@pulumi/pulumi/proto/resource_pb";
import { fromStruct, secretsIn, toStruct } from "../../../provider/plugin/wire";
import {
  aliasMessages,
  empties,
  grpc,
  monitorMessages,
  monitorService,
  providerMessages,
} from "../../../provider/shared/grpc";
import { UNKNOWN } from "../fixture";
import { ACCOUNT, failureOf, KEY, listen, PluginFixture } from "./fixture";

const COMPONENT = "flexprice:index:ServiceIdentity";
const ROLES = ["event_ingestor"];

type Request = InstanceType<ReturnType<typeof providerMessages>["ConstructRequest"]>;

describe("the plugin's ServiceIdentity", () => {
  const fixture = PluginFixture.forEachTest();
  let monitor: InstanceType<ReturnType<typeof grpc>["Server"]>;
  let address: string;
  let registered: RegisterResourceRequest[];
  let outputs: RegisterResourceOutputsRequest[];
  let isPreview: boolean;
  beforeEach(async () => {
    await fixture.configure();
    registered = [];
    outputs = [];
    isPreview = false;
    monitor = new (grpc().Server)();
    monitor.addService(monitorService().ResourceMonitorService, {
      registerResource: (
        { request }: ServerUnaryCall<RegisterResourceRequest, unknown>,
        callback: sendUnaryData<unknown>,
      ) => {
        registered.push(request);
        const { RegisterResourceResponse } = monitorMessages();
        const response = new RegisterResourceResponse().setUrn(`urn of ${request.getType()}`);
        const isKey = request.getType() === KEY;
        const known = isKey ? { apiKey: "sk_1", expiresAt: "2027-01-01T00:00:00Z" } : {};
        response.setObject(toStruct(isPreview ? {} : known, ["apiKey"]));
        if (!isPreview && request.getCustom()) response.setId(isKey ? "secret_1" : "user_1");
        callback(null, response);
      },
      registerResourceOutputs: (
        { request }: ServerUnaryCall<RegisterResourceOutputsRequest, unknown>,
        callback: sendUnaryData<unknown>,
      ) => {
        outputs.push(request);
        callback(null, new (empties().Empty)());
      },
    });
    address = await listen(monitor);
  });
  afterEach(() => monitor.forceShutdown());

  function construct(
    inputs: Readonly<Record<string, unknown>>,
    configureRequest: (request: Request) => void = () => {},
    secrets: readonly string[] = [],
  ): Promise<ConstructResponse> {
    const { ConstructRequest } = providerMessages();
    const request = new ConstructRequest()
      .setMonitorendpoint(address)
      .setType(COMPONENT)
      .setName("relay")
      .setParent("urn of the stack")
      .setInputs(toStruct(inputs, secrets));
    configureRequest(request);
    return fixture.send(fixture.client.construct, request);
  }

  const failureDetails = async (call: Promise<unknown>) => (await failureOf(call)).details;

  const inputsOf = (type: string) => {
    const found = registered.find((request) => request.getType() === type);
    return fromStruct(found?.getObject());
  };
  const registrationOf = (type: string) =>
    registered.find((request) => request.getType() === type) ?? assert.fail(`no ${type}`);

  it("registers an account and a key that lives 90 days and rotates 14 days before", async () => {
    const response = await construct({ roles: ROLES });
    assert.deepEqual(
      registered.map((request) => [request.getType(), request.getName(), request.getParent()]),
      [
        [COMPONENT, "relay", "urn of the stack"],
        [ACCOUNT, "relay", `urn of ${COMPONENT}`],
        [KEY, "relay", `urn of ${COMPONENT}`],
      ],
    );
    assert.deepEqual(inputsOf(ACCOUNT), { namePrefix: "relay", roles: ROLES, forceDestroy: true });
    assert.deepEqual(inputsOf(KEY), {
      namePrefix: "relay",
      serviceAccountId: "user_1",
      type: "private_key",
      expiresIn: "90d",
      rotateBefore: "14d",
      onDelete: "expire",
    });
    assert.equal(registrationOf(KEY).getProtect(), false);
    assert.deepEqual(registrationOf(KEY).getDependenciesList(), [`urn of ${ACCOUNT}`]);
    const expected = {
      serviceAccountId: "user_1",
      apiKey: "sk_1",
      expiresAt: "2027-01-01T00:00:00Z",
    };
    for (const struct of [response.getState(), outputs[0]?.getOutputs()]) {
      assert.deepEqual(fromStruct(struct), expected);
      assert.deepEqual(secretsIn(struct), ["apiKey"]);
    }
    assert.equal(response.getUrn(), `urn of ${COMPONENT}`);
    const origins = response.getStatedependenciesMap();
    assert.deepEqual(origins.get("serviceAccountId")?.getUrnsList(), [`urn of ${ACCOUNT}`]);
    assert.deepEqual(origins.get("apiKey")?.getUrnsList(), [`urn of ${KEY}`]);
  });

  it("passes its inputs on to its children, with their secrets and dependencies", async () => {
    const inputs = {
      ...{ roles: ROLES, name: "relay eu", expiresIn: "20d", connection: "eu" },
      rotationTriggers: { release: 2 },
    };
    const { PropertyDependencies } = providerMessages().ConstructRequest;
    await fixture.configure({
      connections: JSON.stringify({ eu: { apiKey: fixture.operator.apiKey } }),
    });
    await construct(
      inputs,
      (request) => {
        const origin = new PropertyDependencies().setUrnsList(["urn of a random name"]);
        request.getInputdependenciesMap().set("name", origin);
        request.setDependenciesList(["urn of another"]);
      },
      ["name"],
    );
    assert.deepEqual(inputsOf(ACCOUNT), {
      ...{ name: "relay eu", namePrefix: "relay", roles: ROLES, connection: "eu" },
      forceDestroy: true,
    });
    const { namePrefix, rotateBefore, rotationTriggers, connection } = inputsOf(KEY);
    assert.deepEqual(
      [namePrefix, rotateBefore, rotationTriggers, connection],
      ["relay eu", "864000s", { release: "2" }, "eu"],
    );
    assert.deepEqual(secretsIn(registrationOf(ACCOUNT).getObject()), ["name"]);
    assert.deepEqual(secretsIn(registrationOf(KEY).getObject()), ["namePrefix"]);
    const byProperty = registrationOf(ACCOUNT).getPropertydependenciesMap();
    assert.deepEqual(byProperty.get("name")?.getUrnsList(), ["urn of a random name"]);
    assert.deepEqual(registrationOf(ACCOUNT).getDependenciesList(), [
      "urn of another",
      "urn of a random name",
    ]);
  });

  it("applies its options to itself, and gives its children aliases with the dynamic front end's types", async () => {
    const { Alias } = aliasMessages();
    await construct({ roles: ROLES }, (request) => {
      request
        .setProtect(true)
        .setRetainondelete(true)
        .setAliasesList([new Alias().setUrn("urn of the old name")]);
      request.getProvidersMap().set("flexprice", "urn of eu::id");
    });
    const component = registrationOf(COMPONENT);
    assert.deepEqual([component.getProtect(), component.getRetainondelete()], [true, true]);
    assert.deepEqual(
      component.getAliasesList().map((alias) => alias.getUrn()),
      ["urn of the old name"],
    );
    assert.equal(component.getProvidersMap().get("flexprice"), "urn of eu::id");
    for (const [type, dynamicType] of [
      [ACCOUNT, "pulumi-nodejs:dynamic/flexprice:ServiceAccount"],
      [KEY, "pulumi-nodejs:dynamic/flexprice:ApiKey"],
    ] as const) {
      const child = registrationOf(type);
      assert.equal(child.getProvider(), "urn of eu::id");
      assert.deepEqual(
        child.getAliasesList().map((alias) => alias.getSpec()?.getType()),
        [dynamicType],
      );
    }
  });

  it("gives its children aliases of the account and the key in movedFrom, below its own parent", async () => {
    const urns = (type: string) =>
      registrationOf(type)
        .getAliasesList()
        .slice(1)
        .map((alias) => alias.getUrn());
    for (const [parent, path] of [
      ["urn:pulumi:dev::shop::pulumi:pulumi:Stack::shop-dev", ""],
      ["urn:pulumi:dev::shop::example:A$example:Team::team", "example:A$example:Team$"],
    ]) {
      registered = [];
      await construct(
        { roles: ROLES, movedFrom: { serviceAccount: "billing", key: "billing-key" } },
        (request) =>
          request
            .setStack("dev")
            .setProject("shop")
            .setParent(parent ?? ""),
      );
      const start = `urn:pulumi:dev::shop::${path}`;
      assert.deepEqual(urns(ACCOUNT), [`${start}${ACCOUNT}::billing`]);
      assert.deepEqual(urns(KEY), [
        `${start}${KEY}::billing-key`,
        `${start}${ACCOUNT}$${KEY}::billing-key`,
      ]);
    }
  });

  it("rejects an adopt and a movedFrom without names, which would create an account", async () => {
    for (const [input, message] of [
      [{ adopt: { id: "user_1" } }, /Reason: "adopt" has no serviceAccountId/],
      [{ adopt: "user_1" }, /Reason: "adopt" has no serviceAccountId/],
      [{ movedFrom: {} }, /Reason: "movedFrom" names neither/],
      [{ movedFrom: { key: UNKNOWN } }, /Reason: "movedFrom" names neither/],
    ] as const) {
      const details = await failureDetails(construct({ roles: ROLES, ...input }));
      assert.match(details, /^Could not declare ServiceIdentity "relay"\./);
      assert.match(details, message);
    }
    assert.deepEqual(registered, []);
  });

  it("registers an adopted account without forceDestroy by default", async () => {
    await construct({ roles: ROLES, adopt: { serviceAccountId: "user_1" } });
    assert.equal(inputsOf(ACCOUNT)["forceDestroy"], false);
  });

  it("passes adopt on to the account and the key, whose value is always a secret", async () => {
    const key = { id: "secret_1", apiKey: "sk_01M85FAKMEBXGA1EGXE598V40Z" };
    const adopt = { serviceAccountId: "user_1", key };
    await construct({ roles: ROLES, onDelete: "revoke", forceDestroy: false, adopt });
    const { adopt: adoptedAccount, forceDestroy } = inputsOf(ACCOUNT);
    assert.deepEqual([adoptedAccount, forceDestroy], ["user_1", false]);
    const { adopt: adoptedKey, onDelete } = inputsOf(KEY);
    assert.deepEqual([adoptedKey, onDelete], [key, "revoke"]);
    assert.deepEqual(secretsIn(registrationOf(ACCOUNT).getObject()), []);
    assert.deepEqual(secretsIn(registrationOf(KEY).getObject()), ["adopt"]);
  });

  it("keeps the id of an adopted account secret if it is secret in the program", async () => {
    const adopt = { serviceAccountId: "user_1" };
    await construct({ roles: ROLES, adopt }, () => {}, ["adopt"]);
    assert.deepEqual(inputsOf(ACCOUNT)["adopt"], "user_1");
    assert.deepEqual(secretsIn(registrationOf(ACCOUNT).getObject()), ["adopt"]);
    assert.equal(inputsOf(KEY)["adopt"], undefined);
  });

  it("passes an unknown adopt on as unknown", async () => {
    await construct({ roles: ROLES, adopt: UNKNOWN });
    assert.deepEqual([inputsOf(ACCOUNT)["adopt"], inputsOf(KEY)["adopt"]], [UNKNOWN, UNKNOWN]);
  });

  it("registers its children with the provider instance that constructs it", async () => {
    const { ConfigureRequest } = providerMessages();
    const request = new ConfigureRequest().setUrn("urn of eu").setId("id");
    request.getVariablesMap().set("flexprice:config:baseUrl", fixture.emulator.url);
    request.getVariablesMap().set("flexprice:config:apiKey", fixture.operator.apiKey);
    await fixture.send(fixture.client.configure, request);
    await construct({ roles: ROLES });
    assert.equal(registrationOf(ACCOUNT).getProvider(), "urn of eu::id");
    assert.equal(registrationOf(KEY).getProvider(), "urn of eu::id");
  });

  it("returns unknown outputs in a preview", async () => {
    isPreview = true;
    const response = await construct({ roles: ROLES, expiresIn: UNKNOWN });
    assert.equal(inputsOf(KEY)["serviceAccountId"], UNKNOWN);
    assert.equal(inputsOf(KEY)["rotateBefore"], UNKNOWN);
    assert.deepEqual(fromStruct(response.getState()), {
      serviceAccountId: UNKNOWN,
      apiKey: UNKNOWN,
      expiresAt: UNKNOWN,
    });
  });

  it("registers nothing if inputs are invalid, and reports each of them once", async () => {
    const inputs = { roles: ["event_ingestr"], expiresIn: "soon" };
    const details = await failureDetails(construct(inputs));
    assert.match(details, /^roles: Invalid role: event_ingestr\..*\nexpiresIn: must be/);
    assert.match(
      await failureDetails(construct({})),
      /^roles: Service accounts must have at least one/,
    );
    assert.deepEqual(registered, []);
  });

  it("rejects deletedWith and unknown component types", async () => {
    const deletedWith = construct({ roles: ROLES }, (request) => request.setDeletedwith("urn"));
    assert.match(
      await failureDetails(deletedWith),
      /^Could not declare ServiceIdentity "relay"\.\n {2}Reason/,
    );
    const other = construct({ roles: ROLES }, (request) =>
      request.setType("flexprice:index:Other"),
    );
    assert.match(await failureDetails(other), /no component of type flexprice:index:Other/);
    assert.deepEqual(registered, []);
  });

  it("fails if the engine rejects a child", async () => {
    monitor.forceShutdown();
    assert.notEqual(await failureDetails(construct({ roles: ROLES })), "");
  });
});
