import { createRequire } from "node:module";
import { SHOWN_BY_ENGINE, type Warn } from "./errors";
import { escapeControlByLine, redact } from "./redaction";

/**
 * Shows warnings or infos in the CLI's output, each text once per process. The engine's address is the first argument
 * of the provider process. Without an engine, as in tests, messages go to standard error.
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
  // Loaded only when needed: most operations have no message. Uses the SDK's own copy of gRPC.
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
 * Pulumi's provider host prints every error of check, diff, read and delete with its stack to standard error, and the
 * engine shows the message next to the resource: users would read the same text three times.
 */
export function dropRepeatedErrors(): void {
  const print = console.error;
  console.error = (...parts: unknown[]) => {
    const [first] = parts;
    if (typeof first === "string" && first.endsWith(SHOWN_BY_ENGINE)) return;
    print(...parts);
  };
}
