import assert from "node:assert/strict";
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

interface RunningPlugin {
  readonly emulator: Emulator;
  readonly operator: Operator;
  readonly engine: Server;
  readonly server: Server;
  readonly client: Client;
  readonly home: string;
}

/** The error of a call, which must fail. Its details are what the engine shows. */
export async function failureOf(call: Promise<unknown>): Promise<ServiceError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof Error && "details" in error) return error as ServiceError;
    throw error;
  }
  throw new assert.AssertionError({ message: "the call succeeded" });
}

/** A plugin that serves the protocol to a client, as to an engine, beside an embedded Flexprice. */
export class PluginFixture {
  private readonly originalHome = process.env["PULUMI_HOME"];
  private running: RunningPlugin | undefined;
  /** What the engine was asked to show, with the resource. */
  logged: { message: string; urn: string }[] = [];

  /** Runs one for each test of the describe around it. Its hooks come before those that follow. */
  static forEachTest(): PluginFixture {
    const fixture = new PluginFixture();
    beforeEach(() => fixture.start());
    afterEach(() => fixture.stop());
    return fixture;
  }

  private constructor() {}

  private async start(): Promise<void> {
    this.logged = [];
    const home = mkdtempSync(join(tmpdir(), "pulumi-flexprice-plugin-"));
    process.env["PULUMI_HOME"] = home;
    const emulator = await Emulator.start();
    const { Server } = grpc();
    const engine = new Server();
    engine.addService(engineService().EngineService, {
      log: (
        { request }: ServerUnaryCall<LogRequest, unknown>,
        callback: sendUnaryData<unknown>,
      ) => {
        this.logged.push({ message: request.getMessage(), urn: request.getUrn() });
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
    const operator = emulator.createTenant();
    this.running = { emulator, operator, engine, server, client, home };
  }

  private async stop(): Promise<void> {
    const { emulator, engine, server, client, home } = this.plugin;
    if (this.originalHome === undefined) delete process.env["PULUMI_HOME"];
    else process.env["PULUMI_HOME"] = this.originalHome;
    client.close();
    server.forceShutdown();
    engine.forceShutdown();
    await emulator.stop();
    rmSync(home, { recursive: true, force: true });
  }

  private get plugin(): RunningPlugin {
    assert.ok(this.running, "the plugin is not started");
    return this.running;
  }

  get emulator(): Emulator {
    return this.plugin.emulator;
  }

  get operator(): Operator {
    return this.plugin.operator;
  }

  get client(): Client {
    return this.plugin.client;
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
    const defaults = { baseUrl: this.emulator.url, apiKey: this.operator.apiKey };
    for (const [name, value] of Object.entries({ ...defaults, ...settings })) {
      request.getVariablesMap().set(`flexprice:config:${name}`, value);
    }
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

/** Binds a server to a free port, and returns its address. */
export function listen(server: Server): Promise<string> {
  return new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc().ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(`127.0.0.1:${port}`) : reject(error),
    );
  });
}
