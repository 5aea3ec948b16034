import { AsyncLocalStorage } from "node:async_hooks";
import { isDeepStrictEqual } from "node:util";
import type {
  handleUnaryCall,
  Metadata,
  ServiceError,
  StatusObject,
  UntypedServiceImplementation,
} from "@grpc/grpc-js";
import type { dynamic } from "@pulumi/pulumi";
import type {
  CheckFailure,
  CheckRequest,
  CheckResponse,
  ConfigureRequest,
  ConfigureResponse,
  ConstructRequest,
  CreateRequest,
  CreateResponse,
  DeleteRequest,
  DiffRequest,
  DiffResponse,
  GetSchemaResponse,
  InvokeRequest,
  InvokeResponse,
  PropertyDiff,
  ProviderHandshakeRequest,
  ProviderHandshakeResponse,
  ReadRequest,
  ReadResponse,
  UpdateRequest,
  UpdateResponse,
} from "@pulumi/pulumi/proto/provider_pb";
import { engineLog } from "../shared/engine-log";
import { InvalidInputs, isFailure, PartlyCreated } from "../shared/errors";
import {
  anys,
  empties,
  grpc,
  pluginMessages,
  providerMessages,
  providerService,
  statusMessages,
} from "../shared/grpc";
import { lazy } from "../shared/lazy";
import { escapeControlByLine, redact } from "../shared/redaction";
import { isApiKeyType, isServiceAccountType } from "../shared/resource-types";
import type { Core, ResourceLifecycle } from "./core";
import { fromStruct, type Properties, secretsIn, toStruct, withTexts } from "./wire";

/** Only loaded by the calls that need it. */
const packageSchema = lazy((): typeof import("./schema.json") => require("./schema.json"));

/** The properties that the engine always encrypts in the state. */
const SECRET_OUTPUTS = ["apiKey"];
/** `apiKey` is one of `ApiKey.get`. */
const SECRET_INPUTS = ["adopt", "apiKey"];

/** Serves Pulumi's provider protocol for one provider instance. */
export class ProviderServer {
  /** The settings of this instance: `flexprice:` keys as in the stack's config. */
  private config: ReadonlyMap<string, string> = new Map();
  /** The name of this instance, if the program declares it. */
  private provider: string | undefined;
  /** How resources refer to this instance; undefined with an old engine. */
  private reference: string | undefined;
  private readonly urn = new AsyncLocalStorage<string>();
  private journal: Core["journal"] | undefined;

  /** Loaded by the first call that needs it, so that the process answers at once. */
  private readonly core = lazy((): Core => {
    const { createCore }: typeof import("./core") = require("./core");
    const settings = {
      config: (key: string) => this.config.get(key),
      environment: process.env,
      provider: this.provider,
    };
    const urn = () => this.urn.getStore();
    const core = createCore(settings, {
      address: this.engineAddress,
      currentUrn: urn,
      warn: engineLog(this.engineAddress, "warning", urn),
      notify: engineLog(this.engineAddress, "info", urn),
    });
    this.journal = core.journal;
    return core;
  });

  /** @param engineAddress - Of the engine that started this process; undefined if none did. */
  constructor(private engineAddress: string | undefined) {}

  /** Call this when no result can reach the state any more. */
  onEngineExit(): void {
    this.journal?.onEngineExit();
  }

  /** What gRPC calls, by method. The engine takes what is missing as "not implemented". */
  handlers(): UntypedServiceImplementation {
    const { Empty } = empties();
    const handlers: UntypedServiceImplementation = {
      handshake: unary((request: ProviderHandshakeRequest) => this.handshake(request)),
      getPluginInfo: unary(() => this.pluginInfo()),
      getSchema: unary(() => this.schema()),
      checkConfig: unary((request: CheckRequest) => this.checkConfig(request)),
      diffConfig: unary((request: DiffRequest) => this.diffConfig(request)),
      configure: unary((request: ConfigureRequest) => this.configure(request)),
      invoke: unary((request: InvokeRequest) => this.invoke(request)),
      check: unary((request: CheckRequest) => this.within(request, () => this.check(request))),
      diff: unary((request: DiffRequest) => this.within(request, () => this.diff(request))),
      create: unary((request: CreateRequest) => this.within(request, () => this.create(request))),
      read: unary((request: ReadRequest) => this.within(request, () => this.read(request))),
      update: unary((request: UpdateRequest) => this.within(request, () => this.update(request))),
      delete: unary((request: DeleteRequest) => this.within(request, () => this.delete(request))),
      construct: unary((request: ConstructRequest) => this.construct(request)),
      // Comes at the end of every operation, too. What has begun is finished, so that nothing is lost.
      cancel: unary(() => new Empty()),
      attach: unary((request: { getAddress(): string }) => {
        this.engineAddress = request.getAddress();
        return new Empty();
      }),
    };
    const known = Object.keys(providerService().ResourceProviderService);
    return Object.fromEntries(Object.entries(handlers).filter(([name]) => known.includes(name)));
  }

  private handshake(request: ProviderHandshakeRequest): ProviderHandshakeResponse {
    this.engineAddress = request.getEngineAddress() || this.engineAddress;
    return new (providerMessages().ProviderHandshakeResponse)().setAcceptSecrets(true);
  }

  private pluginInfo() {
    const { PluginInfo } = pluginMessages();
    return new PluginInfo().setVersion(packageSchema().version);
  }

  private schema(): GetSchemaResponse {
    return new (providerMessages().GetSchemaResponse)().setSchema(JSON.stringify(packageSchema()));
  }

  private checkConfig(request: CheckRequest): CheckResponse {
    const { settingsProblems }: typeof import("./core") = require("./core");
    const news = fromStruct(request.getNews());
    // Pulumi sets the version for a generated SDK.
    const { version: _, ...settings } = news;
    const provider = explicitName(resourceOf(request).name);
    const reasons = settingsProblems(settings, process.env, provider);
    const failures = reasons.map((reason) => ({ property: "", reason }));
    return checkResponse(news, failures, secretsIn(request.getNews()));
  }

  /** Never asks for a replacement: the engine would then replace every resource of the provider. */
  private diffConfig(request: DiffRequest): DiffResponse {
    const olds = fromStruct(request.getOldInputs() ?? request.getOlds());
    const news = fromStruct(request.getNews());
    return diffResponse({ changed: differences(olds, news), replaces: [] }, olds, olds, news);
  }

  private configure(request: ConfigureRequest): ConfigureResponse {
    const variables: [string, string][] = request.getVariablesMap().toArray();
    this.config = new Map(
      variables.map(([key, value]) => [key.replace("flexprice:config:", "flexprice:"), value]),
    );
    this.provider = explicitName(request.getName() ?? "");
    const [urn, id] = [request.getUrn(), request.getId()];
    if (urn && id) this.reference = `${urn}::${id}`;
    const response = new (providerMessages().ConfigureResponse)();
    return response.setSupportspreview(true).setAcceptsecrets(true);
  }

  private async invoke(request: InvokeRequest): Promise<InvokeResponse> {
    const name = request.getTok().replace("flexprice:index:", "");
    const call = this.core().functions[name];
    if (call === undefined) throw new Error(`Flexprice has no function ${request.getTok()}`);
    const result = await call(fromStruct(request.getArgs()));
    return new (providerMessages().InvokeResponse)().setReturn(toStruct({ ...result }));
  }

  private async check(request: CheckRequest): Promise<CheckResponse> {
    const { name } = resourceOf(request);
    const news = withTexts(fromStruct(request.getNews()));
    const { inputs, failures } = await this.lifecycle(request).check(
      fromStruct(request.getOlds()),
      { ...news, namePrefix: news["namePrefix"] ?? name },
    );
    return checkResponse({ ...inputs }, failures ?? [], [
      ...SECRET_INPUTS,
      ...secretsIn(request.getNews()),
    ]);
  }

  private async diff(request: DiffRequest): Promise<DiffResponse> {
    const olds = fromStruct(request.getOlds());
    const news = fromStruct(request.getNews());
    const diff = await this.lifecycle(request).diff(request.getId(), olds, news);
    return diffResponse(diff, olds, fromStruct(request.getOldInputs()), news);
  }

  private async create(request: CreateRequest): Promise<CreateResponse> {
    const inputs = fromStruct(request.getProperties());
    const lifecycle = this.lifecycle(request);
    const secrets = secretsIn(request.getProperties());
    const response = new (providerMessages().CreateResponse)();
    if (request.getPreview()) {
      return response.setProperties(outputs(lifecycle.plannedCreate(inputs), secrets));
    }
    const { id, outs } = await lifecycle.create(inputs).catch((error: unknown) => {
      throw error instanceof PartlyCreated ? new DetailedError(error, secrets) : error;
    });
    return response.setId(id).setProperties(outputs(outs, secrets));
  }

  private async update(request: UpdateRequest): Promise<UpdateResponse> {
    const olds = fromStruct(request.getOlds());
    const news = fromStruct(request.getNews());
    const lifecycle = this.lifecycle(request);
    const outs = request.getPreview()
      ? lifecycle.plannedUpdate(olds, news)
      : (await lifecycle.update(request.getId(), olds, news)).outs;
    const secrets = secretsIn(request.getNews());
    return new (providerMessages().UpdateResponse)().setProperties(outputs(outs, secrets));
  }

  private async read(request: ReadRequest): Promise<ReadResponse> {
    const lifecycle = this.lifecycle(request);
    const given = request.getId();
    const isImport = request.getProperties() === undefined;
    const response = new (providerMessages().ReadResponse)();
    const { id, props, inputs } = isImport
      ? await lifecycle.import(given)
      : await lifecycle.read(given, fromStruct(request.getProperties()));
    // An empty response says that the object is gone.
    if (id === "" || id === undefined) return response;
    const secrets = [...secretsIn(request.getProperties()), ...secretsIn(request.getInputs())];
    const known = inputs ?? fromStruct(request.getInputs());
    return response
      .setId(id)
      .setProperties(outputs(props, secrets))
      .setInputs(toStruct({ ...known }, [...SECRET_INPUTS, ...secrets]));
  }

  private async delete(request: DeleteRequest) {
    await this.lifecycle(request).delete(request.getId(), fromStruct(request.getProperties()));
    return new (empties().Empty)();
  }

  private construct(request: ConstructRequest) {
    const { construct }: typeof import("./construct") = require("./construct");
    const self = { ...packageSchema(), reference: this.reference };
    return construct(request, self, this.core().resources);
  }

  private lifecycle(request: { getUrn(): string }): ResourceLifecycle {
    const { type } = resourceOf(request);
    const { ServiceAccount, ApiKey } = this.core().resources;
    // If a move to the dynamic front end is interrupted, what it has replaced already has that type.
    if (isServiceAccountType(type)) return ServiceAccount;
    if (isApiKeyType(type)) return ApiKey;
    throw new Error(`Flexprice has no resource of type ${type}`);
  }

  /** Shows the messages of a call beside its resource. */
  private within<Result>(request: { getUrn(): string }, call: () => Result): Result {
    return this.urn.run(request.getUrn(), call);
  }
}

/** Type and logical name of a resource. Old engines only send its URN. */
function resourceOf(request: { getUrn(): string }): { type: string; name: string } {
  const [, , types = "", ...name] = request.getUrn().split("::");
  return { type: types.slice(types.lastIndexOf("$") + 1), name: name.join("::") };
}

/** The name of a provider that the program declares. Default providers have the version and address in their name. */
function explicitName(name: string): string | undefined {
  return name === "" || /^default(?:_|$)/.test(name) ? undefined : name;
}

/** @param secrets - The properties that came in as secrets, and stay secret. */
function outputs(properties: object | undefined, secrets: readonly string[] = []) {
  const derived = secrets.includes("namePrefix") ? ["name", "autoName"] : [];
  return toStruct({ ...properties }, [...SECRET_OUTPUTS, ...secrets, ...derived]);
}

function checkResponse(
  inputs: Properties,
  failures: readonly dynamic.CheckFailure[],
  secrets: readonly string[],
): CheckResponse {
  const messages = providerMessages();
  const toMessage = ({ property, reason }: dynamic.CheckFailure): CheckFailure =>
    new messages.CheckFailure().setProperty(property).setReason(reason);
  return new messages.CheckResponse()
    .setInputs(toStruct(inputs, secrets))
    .setFailuresList(failures.map(toMessage));
}

function diffResponse(
  { changed, replaces }: { readonly changed: readonly string[]; readonly replaces: string[] },
  olds: Properties,
  oldInputs: Properties,
  news: Properties,
): DiffResponse {
  const { DiffResponse, PropertyDiff } = providerMessages();
  const response = new DiffResponse()
    .setChanges(
      changed.length > 0 ? DiffResponse.DiffChanges.DIFF_SOME : DiffResponse.DiffChanges.DIFF_NONE,
    )
    .setReplacesList(replaces)
    .setDiffsList([...changed])
    .setHasdetaileddiff(true);
  for (const property of changed) {
    // Drift and a due rotation show in no input: then the engine compares the outputs with the inputs.
    const isInput = !isDeepStrictEqual(oldInputs[property], news[property]);
    const before = isInput ? oldInputs[property] : olds[property];
    const diff: PropertyDiff = new PropertyDiff()
      .setInputdiff(isInput)
      .setKind(kindOf(before, news[property], replaces.includes(property)));
    response.getDetaileddiffMap().set(property, diff);
  }
  return response;
}

function kindOf(before: unknown, now: unknown, isReplaced: boolean): PropertyDiff.Kind {
  const { Kind } = providerMessages().PropertyDiff;
  if (before === undefined) return isReplaced ? Kind.ADD_REPLACE : Kind.ADD;
  if (now === undefined) return isReplaced ? Kind.DELETE_REPLACE : Kind.DELETE;
  return isReplaced ? Kind.UPDATE_REPLACE : Kind.UPDATE;
}

function differences(olds: Properties, news: Properties): string[] {
  const names = new Set([...Object.keys(olds), ...Object.keys(news)]);
  return [...names].filter((name) => !isDeepStrictEqual(olds[name], news[name]));
}

function unary<Request, Response>(
  handle: (request: Request) => Response | Promise<Response>,
): handleUnaryCall<Request, Response> {
  return ({ request }, callback) => {
    new Promise<Response>((resolve) => resolve(handle(request))).then(
      (response) => callback(null, response),
      (error: unknown) => callback(toStatus(error)),
    );
  };
}

/** The error as gRPC sends it. The engine shows it beside the resource, once. */
function toStatus(error: unknown): Partial<StatusObject> | ServiceError {
  const code = grpc().status.UNKNOWN;
  if (error instanceof DetailedError) {
    return { code, details: error.message, metadata: error.metadata };
  }
  if (isFailure(error) || error instanceof InvalidInputs) return { code, details: error.message };
  // A defect of the provider: its stack helps to find it.
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code, details: escapeControlByLine(redact(text)) };
}

/** An error with which the engine keeps what was created. */
class DetailedError extends Error {
  readonly metadata: Metadata;

  constructor(created: PartlyCreated, secrets: readonly string[]) {
    super(created.message);
    this.metadata = partial(created, secrets);
  }
}

/** Tells the engine to keep an object that was only created in part. */
function partial(
  { id, properties, reasons, message }: PartlyCreated,
  secrets: readonly string[],
): Metadata {
  const { ErrorResourceInitFailed } = providerMessages();
  const detail = new ErrorResourceInitFailed()
    .setId(id)
    .setProperties(outputs(properties, secrets))
    .setReasonsList([...reasons]);
  const any = new (anys().Any)();
  any.pack(detail.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
  const status = new (statusMessages().Status)()
    .setCode(grpc().status.UNKNOWN)
    .setMessage(message)
    .setDetailsList([any]);
  const metadata = new (grpc().Metadata)();
  metadata.add("grpc-status-details-bin", Buffer.from(status.serializeBinary()));
  return metadata;
}
