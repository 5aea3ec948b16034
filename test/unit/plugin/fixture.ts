import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Metadata, ServerUnaryCall, ServiceError, sendUnaryData } from "@grpc/grpc-js";
import type { LogRequest } from "@pulumi/pulumi/proto/engine_pb";
import type { CheckResponse, DiffResponse } from "@pulumi/pulumi/proto/provider_pb";
import { Emulator, type Operator } from "../../../provider/emulator";
import { ProviderServer } from "../../../provider/plugin/server";
import { fromStruct, toStruct } from "../../../provider/plugin/wire";
import {
  empties,
  engineService,
  grpc,
  providerMessages,
  providerService,
} from "../../../provider/shared/grpc";

type Properties = Readonly<Record<string, unknown>>;
type Server = InstanceType<ReturnType<typeof grpc>["Server"]>;
type Client = InstanceType<ReturnType<typeof providerService>["ResourceProviderClient"]>;

export const ACCOUNT = "flexprice:index:ServiceAccount";
export const KEY = "flexprice:index:ApiKey";

export function urn(type: string, name = "ci"): string {
  return `urn:pulumi:test::test::${type}::${name}`;
}

/** A plugin that serves the protocol to a client, as to an engine, beside an embedded Flexprice. */
export class PluginFixture {
  private readonly home = mkdtempSync(join(tmpdir(), "pulumi-flexprice-plugin-"));
  private readonly earlierHome = process.env["PULUMI_HOME"];

  private constructor(
    readonly emulator: Emulator,
    readonly operator: Operator,
    private readonly engine: Server,
    private readonly server: Server,
    readonly client: Client,
    /** What the engine was asked to show, with the resource. */
    readonly logged: readonly { message: string; urn: string }[],
  ) {
    process.env["PULUMI_HOME"] = this.home;
  }

  static async start(): Promise<PluginFixture> {
    const emulator = await Emulator.start();
    const logged: { message: string; urn: string }[] = [];
    const { Server } = grpc();
    const engine = new Server();
    engine.addService(engineService().EngineService, {
      log: (
        { request }: ServerUnaryCall<LogRequest, unknown>,
        callback: sendUnaryData<unknown>,
      ) => {
        logged.push({ message: request.getMessage(), urn: request.getUrn() });
        callback(null, new (empties().Empty)());
      },
    });
    const server = new Server();
    const provider = new ProviderServer(await listen(engine));
    server.addService(providerService().ResourceProviderService, provider.handlers());
    const { ResourceProviderClient } = providerService();
    const client = new ResourceProviderClient(
      await listen(server),
      grpc().credentials.createInsecure(),
    );
    return new PluginFixture(emulator, emulator.createTenant(), engine, server, client, logged);
  }

  async stop(): Promise<void> {
    if (this.earlierHome === undefined) delete process.env["PULUMI_HOME"];
    else process.env["PULUMI_HOME"] = this.earlierHome;
    this.client.close();
    this.server.forceShutdown();
    this.engine.forceShutdown();
    await this.emulator.stop();
    rmSync(this.home, { recursive: true, force: true });
  }

  /** Sends one call, and returns its response. */
  send<Request, Response>(
    method: (
      request: Request,
      metadata: Metadata,
      options: object,
      callback: (error: ServiceError | null, response: Response) => void,
    ) => unknown,
    request: Request,
  ): Promise<Response> {
    const metadata = new (grpc().Metadata)();
    return new Promise((resolve, reject) => {
      method.call(this.client, request, metadata, {}, (error, response) =>
        error === null ? resolve(response) : reject(error),
      );
    });
  }

  /** Gives the plugin its settings: the address and credential of the embedded Flexprice, unless others are given. */
  async configure(settings: Readonly<Record<string, string>> = {}): Promise<void> {
    const { ConfigureRequest } = providerMessages();
    const request = new ConfigureRequest();
    const all = { baseUrl: this.emulator.url, apiKey: this.operator.apiKey, ...settings };
    for (const [name, value] of Object.entries(all))
      request.getVariablesMap().set(`flexprice:config:${name}`, value);
    await this.send(this.client.configure, request);
  }

  async check(
    urn: string,
    news: Properties,
    olds: Properties = {},
    secrets: readonly string[] = [],
  ): Promise<{ inputs: Properties; failures: CheckResponse.AsObject["failuresList"] }> {
    const { CheckRequest } = providerMessages();
    const request = new CheckRequest()
      .setUrn(urn)
      .setOlds(toStruct(olds))
      .setNews(toStruct(news, secrets));
    const response = await this.send(this.client.check, request);
    return {
      inputs: fromStruct(response.getInputs()),
      failures: response.toObject().failuresList,
    };
  }

  async create(
    urn: string,
    inputs: Properties,
    { preview = false, secrets = [] }: { preview?: boolean; secrets?: readonly string[] } = {},
  ): Promise<{ id: string; wire: ReturnType<typeof toStruct>; outputs: Properties }> {
    const { CreateRequest } = providerMessages();
    const request = new CreateRequest()
      .setUrn(urn)
      .setPreview(preview)
      .setProperties(toStruct(inputs, secrets));
    const response = await this.send(this.client.create, request);
    const wire = response.getProperties() ?? toStruct({});
    return { id: response.getId(), wire, outputs: fromStruct(wire) };
  }

  diff(
    urn: string,
    id: string,
    { olds, oldInputs, news }: Readonly<Record<"olds" | "oldInputs" | "news", Properties>>,
  ): Promise<DiffResponse> {
    const { DiffRequest } = providerMessages();
    const request = new DiffRequest()
      .setUrn(urn)
      .setId(id)
      .setOlds(toStruct(olds))
      .setOldInputs(toStruct(oldInputs))
      .setNews(toStruct(news));
    return this.send(this.client.diff, request);
  }
}

function listen(server: Server): Promise<string> {
  return new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc().ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(`127.0.0.1:${port}`) : reject(error),
    );
  });
}
