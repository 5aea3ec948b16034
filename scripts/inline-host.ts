import { createRequire } from "node:module";
import { resolve } from "node:path";
import type * as grpc from "@grpc/grpc-js";

const DIST = resolve(__dirname, "..", "dist");

// The SDK does not declare the language server behind its Automation API, nor is gRPC a dependency of this project.
const fromSdk = createRequire(createRequire(__filename).resolve("@pulumi/pulumi/package.json"));
const { Server, ServerCredentials } = fromSdk("@grpc/grpc-js") as typeof grpc;
const { LanguageRuntimeService } = fromSdk("@pulumi/pulumi/proto/language_grpc_pb") as {
  LanguageRuntimeService: grpc.ServiceDefinition;
};
const { LanguageServer } = fromSdk("@pulumi/pulumi/automation/server") as {
  LanguageServer: new (program: Program) => LanguageRuntime;
};
const { isGrpcError } = fromSdk("@pulumi/pulumi/errors") as {
  isGrpcError: (error: unknown) => boolean;
};
/** Where the language server finds what runs a program. */
const runtime = fromSdk("@pulumi/pulumi/runtime/stack") as {
  runInPulumiStack: (program: Program) => Promise<unknown>;
};

const { grpcClientOptions } = fromSdk("@pulumi/pulumi/runtime/settings") as {
  grpcClientOptions: grpc.ClientOptions;
};
// Clients share connections by address, also failed ones. An engine may listen on the port of an earlier one, whose
// failed connections would then be taken for its own.
Object.assign(grpcClientOptions, { "grpc.use_local_subchannel_pool": 1 });

type Program = () => Promise<unknown>;

interface LanguageRuntime extends grpc.UntypedServiceImplementation {
  run(call: RunCall, callback: grpc.sendUnaryData<unknown>): void;
}

type RunCall = grpc.ServerUnaryCall<unknown, unknown>;

type Listener = (error: unknown) => void;

/**
 * Ignores the errors of calls that the engine aborts when it ends a program, since it has printed the cause. Fails a
 * program that loses its connection to the engine: the SDK would report success, and the engine would delete everything.
 */
class InlineLanguageServer extends LanguageServer {
  override run(call: RunCall, callback: grpc.sendUnaryData<unknown>): void {
    const { on } = process;
    const { runInPulumiStack } = runtime;
    const filtering = (event: string, listener: Listener) =>
      on.call(process, event, withoutAbortedCalls(listener));
    const reporting = (program: Program) => runInPulumiStack(program).catch(rejectLostEngine);
    Object.assign(process, { on: filtering });
    Object.assign(runtime, { runInPulumiStack: reporting });
    try {
      super.run(call, callback);
    } finally {
      Object.assign(process, { on });
      Object.assign(runtime, { runInPulumiStack });
    }
  }
}

function withoutAbortedCalls(listener: Listener): Listener {
  const filtered: Listener = (error) => {
    if (!isAborted(error)) listener(error);
  };
  // process.off() looks for this property.
  return Object.assign(filtered, { listener });
}

function rejectLostEngine(error: unknown): never {
  if (!isGrpcError(error) || isAborted(error)) throw error;
  throw new Error(`The program has lost the engine: ${error}`);
}

function isAborted(error: unknown): boolean {
  return /resource monitor (?:is terminating|shut down)/i.test(String(error));
}

/**
 * Runs programs in this process, as the Automation API runs an inline program. It saves starting two processes, which
 * is more than half of an operation. The API itself asks the CLI for outputs and history after each `up`, which would
 * cost as much again.
 */
export class InlineHost {
  readonly #server = new Server();
  #program: Program = () => Promise.resolve({});
  #address = "";

  /** For the CLI's option --client. */
  get address(): string {
    return this.#address;
  }

  async start(): Promise<void> {
    const program = new InlineLanguageServer(() => this.#program());
    this.#server.addService(LanguageRuntimeService, program);
    this.#address = await new Promise((settle, reject) => {
      this.#server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
        error ? reject(error) : settle(`127.0.0.1:${port}`),
      );
    });
  }

  /** The program of the next operation: the index file of a folder, with this environment. */
  load(folder: string, env: NodeJS.ProcessEnv): void {
    this.#program = async () => {
      forgetModules(folder);
      setSettings(env);
      const exported: unknown = fromSdk(folder);
      return typeof exported === "function" ? await exported() : { ...(exported as object) };
    };
  }

  stop(): void {
    this.#server.forceShutdown();
  }
}

/** As in a new process, the program and this package are loaded again. */
function forgetModules(folder: string): void {
  for (const file of Object.keys(require.cache)) {
    if (file.startsWith(DIST) || file.startsWith(folder)) delete require.cache[file];
  }
}

function setSettings(env: NodeJS.ProcessEnv): void {
  const isSetting = (name: string) => name.startsWith("FLEXPRICE_");
  for (const name of Object.keys(process.env).filter(isSetting)) delete process.env[name];
  for (const name of Object.keys(env).filter(isSetting)) process.env[name] = env[name];
}
