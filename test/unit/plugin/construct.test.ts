import assert from "node:assert/strict";
import type { ServerUnaryCall, ServiceError, sendUnaryData } from "@grpc/grpc-js";
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
import { ACCOUNT, KEY, PluginFixture } from "./fixture";

const COMPONENT = "flexprice:index:ServiceIdentity";
const ROLES = ["event_ingestor"];

type Request = InstanceType<ReturnType<typeof providerMessages>["ConstructRequest"]>;

describe("plugin/construct", () => {
  let fixture: PluginFixture;
  let monitor: InstanceType<ReturnType<typeof grpc>["Server"]>;
  let address: string;
  let registered: RegisterResourceRequest[];
  let outputs: RegisterResourceOutputsRequest[];
  let isPreview: boolean;
  beforeEach(async () => {
    fixture = await PluginFixture.start();
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
    address = await new Promise((resolve, reject) => {
      monitor.bindAsync("127.0.0.1:0", grpc().ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(`127.0.0.1:${port}`) : reject(error),
      );
    });
  });
  afterEach(async () => {
    monitor.forceShutdown();
    await fixture.stop();
  });

  function construct(
    inputs: Readonly<Record<string, unknown>>,
    more: (request: Request) => void = () => {},
    secrets: readonly string[] = [],
  ): Promise<ConstructResponse> {
    const { ConstructRequest } = providerMessages();
    const request = new ConstructRequest()
      .setMonitorendpoint(address)
      .setType(COMPONENT)
      .setName("relay")
      .setParent("urn of the stack")
      .setInputs(toStruct(inputs, secrets));
    more(request);
    return fixture.send(fixture.client.construct, request);
  }

  const failure = async (attempt: Promise<unknown>): Promise<string> => {
    try {
      await attempt;
    } catch (error) {
      return (error as ServiceError).details;
    }
    return assert.fail("the component was constructed");
  };

  const inputsOf = (type: string) => {
    const found = registered.find((request) => request.getType() === type);
    return fromStruct(found?.getObject());
  };
  const registrationOf = (type: string) =>
    registered.find((request) => request.getType() === type) ?? assert.fail(`no ${type}`);

  it("registers an account and a key of 90 days that overlaps with its successor", async () => {
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

  it("hands on what is given: secrets as secrets, with the resources that they come from", async () => {
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

  it("hands the component's options to the component, and the other front end's types to its children", async () => {
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

  it("takes over the account and the key that it is moved from, whose parent is the component's", async () => {
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

  it("rejects an adopt and a movedFrom that name nothing, which would create an account", async () => {
    for (const [input, message] of [
      [{ adopt: { id: "user_1" } }, /Reason: "adopt" has no serviceAccountId/],
      [{ adopt: "user_1" }, /Reason: "adopt" has no serviceAccountId/],
      [{ movedFrom: {} }, /Reason: "movedFrom" names neither/],
      [{ movedFrom: { key: UNKNOWN } }, /Reason: "movedFrom" names neither/],
    ] as const) {
      const details = await failure(construct({ roles: ROLES, ...input }));
      assert.match(details, /^Could not declare ServiceIdentity "relay"\./);
      assert.match(details, message);
    }
    assert.deepEqual(registered, []);
  });

  it("does not let an adopted account take its keys along by default", async () => {
    await construct({ roles: ROLES, adopt: { serviceAccountId: "user_1" } });
    assert.equal(inputsOf(ACCOUNT)["forceDestroy"], false);
  });

  it("adopts an account and a key, whose value is always a secret", async () => {
    const key = { id: "secret_1", apiKey: "sk_01M85FAKMEBXGA1EGXE598V40Z" };
    const adopt = { serviceAccountId: "user_1", key };
    const more = { roles: ROLES, onDelete: "revoke", forceDestroy: false };
    await construct({ ...more, adopt });
    const { adopt: adoptedAccount, forceDestroy } = inputsOf(ACCOUNT);
    assert.deepEqual([adoptedAccount, forceDestroy], ["user_1", false]);
    const { adopt: adoptedKey, onDelete } = inputsOf(KEY);
    assert.deepEqual([adoptedKey, onDelete], [key, "revoke"]);
    assert.deepEqual(secretsIn(registrationOf(ACCOUNT).getObject()), []);
    assert.deepEqual(secretsIn(registrationOf(KEY).getObject()), ["adopt"]);
  });

  it("keeps the id of an adopted account secret if the program does", async () => {
    const adopt = { serviceAccountId: "user_1" };
    await construct({ roles: ROLES, adopt }, () => {}, ["adopt"]);
    assert.deepEqual(inputsOf(ACCOUNT)["adopt"], "user_1");
    assert.deepEqual(secretsIn(registrationOf(ACCOUNT).getObject()), ["adopt"]);
    assert.equal(inputsOf(KEY)["adopt"], undefined);
  });

  it("does not know in a preview what an unknown adoption adopts", async () => {
    await construct({ roles: ROLES, adopt: UNKNOWN });
    assert.deepEqual([inputsOf(ACCOUNT)["adopt"], inputsOf(KEY)["adopt"]], [UNKNOWN, UNKNOWN]);
  });

  it("leaves the children to the provider instance that constructs them", async () => {
    const { ConfigureRequest } = providerMessages();
    const request = new ConfigureRequest().setUrn("urn of eu").setId("id");
    request.getVariablesMap().set("flexprice:config:baseUrl", fixture.emulator.url);
    request.getVariablesMap().set("flexprice:config:apiKey", fixture.operator.apiKey);
    await fixture.send(fixture.client.configure, request);
    await construct({ roles: ROLES });
    assert.equal(registrationOf(ACCOUNT).getProvider(), "urn of eu::id");
    assert.equal(registrationOf(KEY).getProvider(), "urn of eu::id");
  });

  it("does not know in a preview what only the server knows", async () => {
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

  it("registers nothing if an input is wrong, and says all that is wrong once", async () => {
    const inputs = { roles: ["event_ingestr"], expiresIn: "soon" };
    const details = await failure(construct(inputs));
    assert.match(details, /^roles: Invalid role: event_ingestr\..*\nexpiresIn: must be/);
    assert.match(await failure(construct({})), /^roles: Service accounts must have at least one/);
    assert.deepEqual(registered, []);
  });

  it("rejects deletedWith, and components that it does not know", async () => {
    const together = construct({ roles: ROLES }, (request) => request.setDeletedwith("urn"));
    assert.match(
      await failure(together),
      /^Could not declare ServiceIdentity "relay"\.\n {2}Reason/,
    );
    const other = construct({ roles: ROLES }, (request) =>
      request.setType("flexprice:index:Other"),
    );
    assert.match(await failure(other), /no component of type flexprice:index:Other/);
    assert.deepEqual(registered, []);
  });

  it("fails if the engine rejects a child", async () => {
    monitor.forceShutdown();
    assert.notEqual(await failure(construct({ roles: ROLES })), "");
  });
});
