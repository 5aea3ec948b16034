import { createRequire } from "node:module";
import { SHOWN_BY_ENGINE, type Warn } from "./errors";
import { escapeControlByLine, redact } from "./redaction";

/**
 * Shows warnings, or what is only worth knowing, in the CLI's output, each text once a process. The provider process is told the engine's address
 * in its first argument; where there is no engine, as in tests, warnings go to standard error.
 */
export function engineLog(
  engineAddress: string | undefined = process.argv[2],
  severity: "warning" | "info" = "warning",
): Warn {
  const shown = new Set<string>();
  return async (message) => {
    const clean = escapeControlByLine(redact(message));
    if (shown.has(clean)) return;
    shown.add(clean);
    if (engineAddress === undefined || !/^[\w.[\]:-]+:\d+$/.test(engineAddress)) {
      console.error(`${severity}: ${clean}`);
      return;
    }
    await send(engineAddress, severity, clean).catch(() => console.error(`${severity}: ${clean}`));
  };
}

async function send(
  engineAddress: string,
  severity: "warning" | "info",
  message: string,
): Promise<void> {
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
  request.setSeverity(severity === "warning" ? LogSeverity.WARNING : LogSeverity.INFO);
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
