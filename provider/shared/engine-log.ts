import { SHOWN_BY_ENGINE, type Warn } from "./errors";
import { engineMessages, engineService, grpc } from "./grpc";
import { escapeControlByLine, redact } from "./redaction";

/**
 * Shows warnings or infos in the CLI's output, each text once per process. Without an engine, as in tests, messages go
 * to standard error.
 * @param urn - The resource that the message is shown with.
 */
export function engineLog(
  engineAddress: string | undefined,
  severity: "warning" | "info" = "warning",
  urn: () => string | undefined = () => undefined,
): Warn {
  const shown = new Set<string>();
  return async (message) => {
    const clean = escapeControlByLine(redact(message));
    if (shown.has(clean)) return;
    shown.add(clean);
    if (engineAddress === undefined) {
      console.error(`${severity}: ${clean}`);
      return;
    }
    await send(engineAddress, severity, clean, urn()).catch(() =>
      console.error(`${severity}: ${clean}`),
    );
  };
}

/** The argument of a provider process, if it is the address of an engine. Tests have other arguments. */
export function asEngineAddress(argument: string | undefined): string | undefined {
  return argument !== undefined && /^[\w.[\]:-]+:\d+$/.test(argument) ? argument : undefined;
}

async function send(
  engineAddress: string,
  severity: "warning" | "info",
  message: string,
  urn: string | undefined,
): Promise<void> {
  const { LogRequest, LogSeverity } = engineMessages();
  const request = new LogRequest();
  request.setSeverity(severity === "warning" ? LogSeverity.WARNING : LogSeverity.INFO);
  request.setMessage(message);
  if (urn !== undefined) request.setUrn(urn);
  const { EngineClient } = engineService();
  const client = new EngineClient(engineAddress, grpc().credentials.createInsecure());
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
