import { isLoopback } from "../config/read";
import { Emulator, type Operator, type RecordedRequest, seeded } from "../emulator";
import { FlexpriceError } from "../shared/errors";
import type { CommandContext } from "./command-context";
import { EXIT, type ExitStatus } from "./exit-status";

export interface DevServerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** The same seed creates the same tenant, operator and key. */
  readonly seed?: number;
  /** How many service accounts to start with, each with one key. */
  readonly accounts: number;
  /** Whether to log each request to standard error. */
  readonly log?: boolean;
  readonly json?: boolean;
}

/**
 * When the tenant and its first accounts were created. Ids contain the time, so with the real time they would differ
 * between runs with the same seed. Everything created later has the real time.
 */
const SEED_TIME = Date.UTC(2025, 0, 1);

const ONE_SECOND = 1_000;

/** Runs the embedded Flexprice until Ctrl-C or SIGTERM. */
export async function devServer(
  options: DevServerOptions,
  context: CommandContext,
): Promise<ExitStatus> {
  const stopped = context.untilStopped();
  const seedClock = { now: SEED_TIME, isOver: false };
  const clock = () => new Date(seedClock.isOver ? context.platform.now() : seedClock.now);
  const emulator = await listen(options, context, clock);
  const operator = emulator.createTenant({ name: "Development" });
  for (let i = 1; i <= options.accounts; i++) {
    seedClock.now += ONE_SECOND;
    addAccount(emulator, operator, i);
  }
  seedClock.isOver = true;
  context.stdout.write(
    options.json === true ? asJson(emulator, operator) : asText(emulator, operator, options),
  );
  await stopped;
  await emulator.stop();
  return EXIT.done;
}

async function listen(
  { host, port, seed, log }: DevServerOptions,
  context: CommandContext,
  clock: () => Date,
): Promise<Emulator> {
  try {
    const emulator = await Emulator.start({
      host,
      port,
      clock,
      ...(seed === undefined ? {} : { random: seeded(seed) }),
      onResponse: (request) => {
        if (log === true) context.stderr.write(logLine(request));
        // A server can run for days, and must not keep every request.
        emulator.clearRequests();
      },
    });
    return emulator;
  } catch (error) {
    throw cannotListen(host, port, error);
  }
}

function addAccount(emulator: Emulator, { tenantId, environmentId }: Operator, i: number): void {
  const name = `demo-${i}`;
  const roles = [i % 2 === 1 ? "event_ingestor" : "event_reader"];
  const { id } = emulator.createAccount(tenantId, { name, roles });
  emulator.createKey(id, environmentId, { name });
}

function asJson({ url }: Emulator, operator: Operator): string {
  const { apiKey, tenantId, environmentId, userId } = operator;
  return `${JSON.stringify({ url, apiKey, tenantId, environmentId, userId })}\n`;
}

function asText(
  { url }: Emulator,
  { apiKey, tenantId, environmentId }: Operator,
  { accounts }: DevServerOptions,
): string {
  const insecure = isLoopback(new URL(url).hostname)
    ? []
    : ["  pulumi config set flexprice:allowInsecure true"];
  const demo =
    accounts === 0 ? [] : [`It starts with ${accounts} service accounts, with one key each.`];
  return [
    `Embedded Flexprice at ${url}`,
    "In memory: everything is lost when it stops (Ctrl-C).",
    ...demo,
    "",
    "API key of a super_admin user",
    `of tenant ${tenantId}, environment ${environmentId}:`,
    `  ${apiKey}`,
    "",
    "To use it in a Pulumi stack:",
    `  pulumi config set flexprice:baseUrl ${url}`,
    `  pulumi config set --secret flexprice:apiKey ${apiKey}`,
    ...insecure,
    "",
    "Or in a shell:",
    `  export FLEXPRICE_BASE_URL=${url}`,
    `  export FLEXPRICE_API_KEY=${apiKey}`,
    ...(insecure.length === 0 ? [] : ["  export FLEXPRICE_ALLOW_INSECURE=true"]),
    "",
  ].join("\n");
}

function logLine({ at, method, path, status }: RecordedRequest): string {
  return `${at.toISOString().slice(11, 19)} ${status ?? "---"} ${method} ${path}\n`;
}

function cannotListen(host: string, port: number, error: unknown): FlexpriceError {
  const { code, message } = Object(error) as { code?: string; message?: string };
  const taken = code === "EADDRINUSE";
  return new FlexpriceError({
    kind: "configuration",
    operation: `start the embedded Flexprice on ${host}, port ${port}`,
    reason: taken ? "another program listens on this port" : String(message),
    fix: taken
      ? "stop that program, or choose another port: --port 0 takes any free port."
      : "choose a --host that is an address of this machine, and a --port where you may listen.",
  });
}
