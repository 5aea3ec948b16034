import { createRequire } from "node:module";
import { SHOWN_BY_ENGINE, type Warn } from "./errors";
import { redact } from "./redaction";

/**
 * Shows warnings in the CLI's output, each text once a process. The provider process is told the engine's address
 * in its first argument; where there is no engine, as in tests, warnings go to standard error.
 */
export function engineLog(engineAddress: string | undefined = process.argv[2]): Warn {
  const shown = new Set<string>();
  return async (message) => {
    const clean = redact(message);
    if (shown.has(clean)) return;
    shown.add(clean);
    if (engineAddress === undefined || !/^[\w.[\]:-]+:\d+$/.test(engineAddress)) {
      console.error(`warning: ${clean}`);
      return;
    }
    await sendWarning(engineAddress, clean).catch(() => console.error(`warning: ${clean}`));
  };
}

async function sendWarning(engineAddress: string, message: string): Promise<void> {
  // Loaded only when there is something to say: most operations have nothing. gRPC is the SDK's own copy.
  const sdk = createRequire(require.resolve("@pulumi/pulumi"));
  const { credentials }: typeof import("@grpc/grpc-js") = sdk("@grpc/grpc-js");
  const { EngineClient }: typeof import("@pulumi/pulumi/proto/engine_grpc_pb") = sdk(
    "@pulumi/pulumi/proto/engine_grpc_pb",
  );
  const { LogRequest, LogSeverity }: typeof import("@pulumi/pulumi/proto/engine_pb") = sdk(
    "@pulumi/pulumi/proto/engine_pb",
  );
  const request = new LogRequest();
  request.setSeverity(LogSeverity.WARNING);
  request.setMessage(message);
  const client = new EngineClient(engineAddress, credentials.createInsecure());
  await new Promise<void>((resolve, reject) => {
    client.log(request, (error: Error | null) => (error === null ? resolve() : reject(error)));
  });
  client.close();
}

/**
 * Pulumi's provider host prints every error of check, diff, read and delete to standard error, stack and all, before
 * the engine shows its message beside the resource: readers would get the same text three times.
 */
export function dropRepeatedErrors(): void {
  const print = console.error;
  console.error = (...parts: unknown[]) => {
    const [first] = parts;
    if (typeof first === "string" && first.endsWith(SHOWN_BY_ENGINE)) return;
    print(...parts);
  };
}
