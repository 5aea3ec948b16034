import type { sendUnaryData } from "@grpc/grpc-js";
import type { ConstructRequest, ConstructResponse } from "@pulumi/pulumi/proto/provider_pb";
import type {
  RegisterResourceRequest,
  RegisterResourceResponse,
} from "@pulumi/pulumi/proto/resource_pb";
import {
  forcesDestroy,
  KEY_OPTIONS,
  LIFETIME,
  NO_ADOPTED_ACCOUNT,
  NO_DELETED_WITH,
  NOTHING_MOVED,
  ON_DELETE,
  overlapWithin,
} from "../resources/identity-rules";
import { FlexpriceError, InvalidInputs } from "../shared/errors";
import {
  aliasMessages,
  grpc,
  monitorMessages,
  monitorService,
  providerMessages,
} from "../shared/grpc";
import { quoted } from "../shared/redaction";
import {
  API_KEY_TYPE,
  PLUGIN_API_KEY_TYPE,
  PLUGIN_SERVICE_ACCOUNT_TYPE,
  SERVICE_ACCOUNT_TYPE,
  SERVICE_IDENTITY_TYPE,
} from "../shared/resource-types";
import { UNKNOWN } from "../shared/unknowns";
import type { Core } from "./core";
import { containsSecret, fromStruct, type Properties, toStruct, withTexts } from "./wire";

type Registered = RegisterResourceResponse;

/** What tells the engine which provider the children need. */
interface Self {
  /** Of this provider instance. */
  readonly reference: string | undefined;
  readonly version: string;
  readonly pluginDownloadURL: string;
}

/** One input of a child, and the inputs of the component that it is computed from. */
interface ChildInput {
  readonly value: unknown;
  readonly from: readonly string[];
  /** The resources that it is an output of. */
  readonly dependsOn?: readonly string[];
  readonly isSecret: boolean;
}

/** What a child was called in the dynamic front end. */
const DYNAMIC_TYPES = {
  [PLUGIN_SERVICE_ACCOUNT_TYPE]: SERVICE_ACCOUNT_TYPE,
  [PLUGIN_API_KEY_TYPE]: API_KEY_TYPE,
} as const;

/** In the URN of the parent of a component without a parent. */
const STACK = "::pulumi:pulumi:Stack::";

type AliasMessage = InstanceType<ReturnType<typeof aliasMessages>["Alias"]>;

type ChildInputs = Readonly<Record<string, ChildInput>>;

/** Registers a ServiceIdentity with its children, as the class of the dynamic front end does. */
export async function construct(
  request: ConstructRequest,
  self: Self,
  resources: Core["resources"],
): Promise<ConstructResponse> {
  if (request.getType() !== SERVICE_IDENTITY_TYPE) {
    throw new Error(`Flexprice has no component of type ${request.getType()}`);
  }
  if (request.getDeletedwith() !== "") throw deletedWithError(request.getName());
  const monitor = new Monitor(request, self);
  try {
    return await register(request, monitor, resources);
  } finally {
    monitor.close();
  }
}

async function register(
  request: ConstructRequest,
  monitor: Monitor,
  { ServiceAccount, ApiKey }: Core["resources"],
): Promise<ConstructResponse> {
  const args = withTexts(fromStruct(request.getInputs()));
  rejectUnusable(request.getName(), args);
  const { accountInputs, keyInputs } = childInputs(request, args);
  const aliases = aliasesFor(request, Object(args["movedFrom"]));
  // If a child failed, the engine would end this call, and show a second error that says nothing.
  const failures = [
    ...(await ServiceAccount.validate(valuesOf(accountInputs))),
    ...(await ApiKey.validate(valuesOf(keyInputs))),
  ];
  if (failures.length > 0) {
    const reasons = new Set(failures.map(({ reason }) => reason));
    throw new InvalidInputs([...reasons].join("\n"));
  }
  const component = (await monitor.registerComponent()).getUrn();
  const account = await monitor.registerChild(
    component,
    PLUGIN_SERVICE_ACCOUNT_TYPE,
    accountInputs,
    { aliases: aliases.account },
  );
  const accountId = account.getId() || UNKNOWN;
  const serviceAccountId = {
    ...{ value: accountId, from: [], isSecret: false },
    dependsOn: [account.getUrn()],
  };
  const key = await monitor.registerChild(
    component,
    PLUGIN_API_KEY_TYPE,
    { ...keyInputs, serviceAccountId },
    { aliases: aliases.key, ...KEY_OPTIONS },
  );
  const { apiKey = UNKNOWN, expiresAt = UNKNOWN } = fromStruct(key.getObject());
  const outputs = toStruct({ serviceAccountId: accountId, apiKey, expiresAt }, ["apiKey"]);
  await monitor.registerOutputs(component, outputs);
  const response = new (providerMessages().ConstructResponse)();
  const { PropertyDependencies } = providerMessages().ConstructResponse;
  const dependencies = response.getStatedependenciesMap();
  const urnsOf = (registered: Registered) =>
    new PropertyDependencies().setUrnsList([registered.getUrn()]);
  dependencies.set("serviceAccountId", urnsOf(account));
  dependencies.set("apiKey", urnsOf(key));
  dependencies.set("expiresAt", urnsOf(key));
  return response.setUrn(component).setState(outputs);
}

/** The inputs of the children, without what is only known once the account is registered. */
function childInputs(
  request: ConstructRequest,
  args: Properties,
): Record<"accountInputs" | "keyInputs", ChildInputs> {
  const onWire = request.getInputs()?.toJavaScript() ?? {};
  const input = (value: unknown, ...from: string[]): ChildInput => ({
    ...{ value, from },
    isSecret: from.some((name) => containsSecret(onWire[name])),
  });
  const given = (name: string) => input(args[name], name);
  const { namePrefix = request.getName(), expiresIn = LIFETIME, adopt } = args;
  const isAdoptKnown = adopt !== UNKNOWN;
  const { key: _, ...adoptedAccount } = Object(onWire["adopt"]);
  return {
    accountInputs: {
      name: given("name"),
      namePrefix: input(namePrefix, "namePrefix"),
      roles: given("roles"),
      connection: given("connection"),
      forceDestroy: input(args["forceDestroy"] ?? forcesDestroy(adopt), "forceDestroy"),
      adopt: {
        ...input(isAdoptKnown ? Object(adopt).serviceAccountId : adopt, "adopt"),
        isSecret: containsSecret(adoptedAccount),
      },
    },
    keyInputs: {
      // A prefix and not a name: every rotation creates another key, and each needs a unique name.
      namePrefix: input(args["name"] ?? namePrefix, "name", "namePrefix"),
      connection: given("connection"),
      type: input("private_key"),
      expiresIn: input(expiresIn, "expiresIn"),
      rotateBefore: input(
        args["rotateBefore"] ?? overlapOf(expiresIn),
        "rotateBefore",
        "expiresIn",
      ),
      rotationTriggers: given("rotationTriggers"),
      onDelete: input(args["onDelete"] ?? ON_DELETE, "onDelete"),
      adopt: { ...input(isAdoptKnown ? Object(adopt).key : adopt, "adopt"), isSecret: true },
    },
  };
}

/** What is not understood would be created instead. */
function rejectUnusable(name: string, { adopt, movedFrom }: Properties): void {
  const what = `declare ServiceIdentity ${quoted(name)}`;
  if (adopt !== undefined && adopt !== UNKNOWN && Object(adopt).serviceAccountId === undefined) {
    throw new FlexpriceError({ kind: "refused", operation: what, ...NO_ADOPTED_ACCOUNT });
  }
  const { serviceAccount, key } = Object(movedFrom);
  const isUnusable = [serviceAccount, key].every((one) => one === undefined || one === UNKNOWN);
  if (movedFrom !== undefined && isUnusable) {
    throw new FlexpriceError({ kind: "refused", operation: what, ...NOTHING_MOVED });
  }
}

/** The aliases of the children, so that they are the resources that had the component's parent before. */
function aliasesFor(
  request: ConstructRequest,
  { serviceAccount, key }: Readonly<Record<string, unknown>>,
): Record<"account" | "key", AliasMessage[]> {
  const parent = request.getParent();
  const isTopLevel = parent.includes(STACK);
  const start = `urn:pulumi:${request.getStack()}::${request.getProject()}::`;
  const path = isTopLevel ? "" : `${parent.slice(start.length).split("::")[0]}$`;
  const urn = (type: string, name: unknown) =>
    new (aliasMessages().Alias)().setUrn(`${start}${path}${type}::${name}`);
  const below = `${PLUGIN_SERVICE_ACCOUNT_TYPE}$${PLUGIN_API_KEY_TYPE}`;
  return {
    account: serviceAccount === undefined ? [] : [urn(PLUGIN_SERVICE_ACCOUNT_TYPE, serviceAccount)],
    key: key === undefined ? [] : [urn(PLUGIN_API_KEY_TYPE, key), urn(below, key)],
  };
}

function valuesOf(inputs: ChildInputs): Properties {
  const given = Object.entries(inputs).filter(([, { value }]) => value !== undefined);
  return Object.fromEntries(given.map(([name, { value }]) => [name, value]));
}

function overlapOf(expiresIn: unknown): unknown {
  return typeof expiresIn === "string" && expiresIn !== UNKNOWN
    ? overlapWithin(expiresIn)
    : UNKNOWN;
}

function deletedWithError(name: string): FlexpriceError {
  return new FlexpriceError({
    kind: "refused",
    operation: `declare ServiceIdentity ${quoted(name)}`,
    ...NO_DELETED_WITH,
  });
}

/** The engine's side of a construct call: what the component registers, with the options of its request. */
class Monitor {
  private readonly client: InstanceType<ReturnType<typeof monitorService>["ResourceMonitorClient"]>;

  constructor(
    private readonly request: ConstructRequest,
    private readonly self: Self,
  ) {
    const { ResourceMonitorClient } = monitorService();
    this.client = new ResourceMonitorClient(
      request.getMonitorendpoint(),
      grpc().credentials.createInsecure(),
    );
  }

  close(): void {
    this.client.close();
  }

  registerComponent(): Promise<Registered> {
    const { request } = this;
    const registration = this.registration(request.getType(), request.getParent())
      .setAliasesList(request.getAliasesList())
      .setDependenciesList(request.getDependenciesList());
    for (const [name, reference] of request.getProvidersMap().toArray()) {
      registration.getProvidersMap().set(name, reference);
    }
    const [protect, retain] = [request.getProtect(), request.getRetainondelete()];
    if (protect !== undefined) registration.setProtect(protect);
    if (retain !== undefined) registration.setRetainondelete(retain);
    return this.register(registration);
  }

  registerChild(
    parent: string,
    type: keyof typeof DYNAMIC_TYPES,
    inputs: ChildInputs,
    { aliases, protect }: { readonly aliases: AliasMessage[]; readonly protect?: boolean },
  ): Promise<Registered> {
    const { request } = this;
    const { Alias } = aliasMessages();
    const given = Object.entries(inputs).filter(([, { value }]) => value !== undefined);
    const secrets = given.filter(([, { isSecret }]) => isSecret).map(([name]) => name);
    const registration = this.registration(type, parent)
      .setCustom(true)
      .setObject(toStruct(valuesOf(inputs), secrets))
      .setProvider(request.getProvidersMap().get("flexprice") ?? this.self.reference ?? "")
      // They choose a default provider, if there is no reference.
      .setVersion(this.self.version)
      .setPlugindownloadurl(this.self.pluginDownloadURL)
      .setAliasesList([
        new Alias().setSpec(new Alias.Spec().setType(DYNAMIC_TYPES[type])),
        ...aliases,
      ])
      .setAdditionalsecretoutputsList(type === PLUGIN_API_KEY_TYPE ? ["apiKey"] : []);
    if (protect !== undefined) registration.setProtect(protect);
    const { PropertyDependencies } = monitorMessages().RegisterResourceRequest;
    const all = new Set(request.getDependenciesList());
    for (const [name, { from, dependsOn = [] }] of given) {
      const urns = [...from.flatMap((input) => this.dependenciesOf(input)), ...dependsOn];
      registration
        .getPropertydependenciesMap()
        .set(name, new PropertyDependencies().setUrnsList(urns));
      for (const urn of urns) all.add(urn);
    }
    return this.register(registration.setDependenciesList([...all]));
  }

  registerOutputs(urn: string, outputs: ReturnType<typeof toStruct>): Promise<unknown> {
    const { RegisterResourceOutputsRequest } = monitorMessages();
    const request = new RegisterResourceOutputsRequest().setUrn(urn).setOutputs(outputs);
    return called((callback) => this.client.registerResourceOutputs(request, callback));
  }

  private dependenciesOf(input: string): string[] {
    return this.request.getInputdependenciesMap().get(input)?.getUrnsList() ?? [];
  }

  private registration(type: string, parent: string): RegisterResourceRequest {
    return new (monitorMessages().RegisterResourceRequest)()
      .setType(type)
      .setName(this.request.getName())
      .setParent(parent)
      .setAcceptsecrets(true)
      .setSupportspartialvalues(true)
      .setAliasspecs(true)
      .setParentstacktracehandle(this.request.getStackTraceHandle());
  }

  private register(registration: RegisterResourceRequest): Promise<Registered> {
    return called((callback) => this.client.registerResource(registration, callback));
  }
}

function called<Response>(call: (callback: sendUnaryData<Response>) => unknown): Promise<Response> {
  return new Promise((resolve, reject) => {
    call((error, response) => {
      if (error !== null || response == null) reject(error ?? new Error("no response"));
      else resolve(response);
    });
  });
}
