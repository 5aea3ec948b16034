import { Emulator, type Operator, type RecordedRequest, seeded } from "../emulator";
import { FlexpriceError } from "../shared/errors";
import { isLoopback } from "../shared/loopback";
import type { CommandContext } from "./command-context";
import { EXIT, type ExitStatus } from "./exit-status";

export interface DevServerOptions {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** The same one makes the same tenant, operator and key. */
  readonly seed?: number;
  /** Service accounts to begin with, each with a key. */
  readonly accounts: number;
  /** Whether to show each request on standard error. */
  readonly log?: boolean;
  readonly json?: boolean;
}

/**
 * When the tenant and what it begins with were made: ids begin with the time, and would otherwise differ in every
 * run whatever the seed. Everything later has the real time.
 */
const SEED_TIME = Date.UTC(2025, 0, 1);

const ONE_SECOND = 1_000;

/** Runs the embedded Flexprice until it is asked to end. */
export async function devServer(
  options: DevServerOptions,
  shell: CommandContext,
): Promise<ExitStatus> {
  const stopped = shell.untilStopped();
  const founding = { now: SEED_TIME, isOver: false };
  const clock = () => new Date(founding.isOver ? shell.platform.now() : founding.now);
  const emulator = await listen(options, shell, clock);
  const operator = emulator.createTenant({ name: "Development" });
  for (let i = 1; i <= options.accounts; i++) {
    founding.now += ONE_SECOND;
    addAccount(emulator, operator, i);
  }
  founding.isOver = true;
  shell.stdout.write(
    options.json === true ? asJson(emulator, operator) : asText(emulator, operator, options),
  );
  await stopped;
  await emulator.stop();
  return EXIT.done;
}

async function listen(
  { host, port, seed, log }: DevServerOptions,
  shell: CommandContext,
  clock: () => Date,
): Promise<Emulator> {
  try {
    const emulator = await Emulator.start({
      host,
      port,
      clock,
      ...(seed === undefined ? {} : { random: seeded(seed) }),
      onAnswer: (request) => {
        if (log === true) shell.stderr.write(logLine(request));
        // A server that runs for days must not keep them all.
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
  const demo = accounts === 0 ? [] : [`It begins with ${accounts} service accounts, a key each.`];
  return [
    `Embedded Flexprice at ${url}`,
    "In memory: what is made in it is gone when it ends (Ctrl-C).",
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
      ? "end that program, or take another port: --port 0 takes any that is free."
      : "take a --host that is an address of this machine, and a --port that you may listen on.",
  });
}
