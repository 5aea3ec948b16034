import { resolve } from "node:path";
import { isLoopback } from "../../config/read";
import {
  Emulator,
  type EmulatorOptions,
  type Operator,
  type RecordedRequest,
  type Snapshot,
  seeded,
} from "../../emulator";
import { errorCode, errorText, FlexpriceError } from "../../shared/errors";
import type { CommandContext, Screen } from "../command-context";
import { EXIT, type ExitStatus } from "../exit-status";
import { copyable, paragraph } from "../terminal";
import { canPressKeys, describeClock, KEYS_HELP, readKeys } from "./clock";
import { type SavedServer, StateFile } from "./state";

export interface DevServerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** The same seed creates the same tenant, operator and key. */
  readonly seed?: number;
  /** How many service accounts to start with, each with one key. */
  readonly accounts: number;
  /** How far to move the clock, in milliseconds; further than the state file has it. */
  readonly advance?: number;
  /** A file that keeps the data and the clock. Only a new one gets a tenant and `accounts`. */
  readonly state?: string;
  /** Whether to log each request to standard error. */
  readonly log?: boolean;
  readonly json?: boolean;
}

/**
 * When the tenant and its first accounts were created. Ids contain the time, so with the real time they would differ
 * between runs with the same seed. Everything created later has the time of the server's clock.
 */
const SEED_TIME = Date.UTC(2025, 0, 1);

const ONE_SECOND = 1_000;

interface DevServer {
  readonly emulator: Emulator;
  readonly operator: SavedServer["operator"];
  /** How many service accounts it has created now. */
  readonly accounts: number;
  /** Where it keeps its data; undefined: in memory. */
  readonly path: string | undefined;
  /** Whether its clock differs from that of this machine. */
  readonly isAhead: () => boolean;
  readonly clockText: () => string;
  readonly advance: (ms: number) => void;
  /** Rejects once the data cannot be kept any more. */
  readonly failed: Promise<never>;
}

/** Runs the embedded Flexprice until Ctrl-C, SIGTERM or the key q. */
export async function devServer(
  options: DevServerOptions,
  context: CommandContext,
): Promise<ExitStatus> {
  const stopped = context.untilStopped();
  const server = await start(options, context);
  try {
    const hasKeys = options.json !== true && (await canPressKeys(context));
    context.stdout.write(
      options.json === true ? asJson(server) : asText(server, hasKeys, context.stdout),
    );
    if (hasKeys) await runWithKeys(server, stopped, context);
    else await Promise.race([stopped, server.failed]);
  } finally {
    await server.emulator.stop();
  }
  return EXIT.done;
}

async function runWithKeys(
  { advance, clockText, failed }: DevServer,
  stopped: Promise<void>,
  context: CommandContext,
): Promise<void> {
  const keys = readKeys(context, (ms) => {
    advance(ms);
    context.stdout.write(`Clock: ${clockText()}\n`);
  });
  try {
    await Promise.race([stopped, keys.stopped, failed]);
  } finally {
    keys.close();
  }
}

async function start(options: DevServerOptions, context: CommandContext): Promise<DevServer> {
  const path = options.state === undefined ? undefined : resolve(context.directory, options.state);
  const file = path === undefined ? undefined : await StateFile.open(path);
  const saved = file?.saved;
  const seedClock = { now: SEED_TIME, isOver: saved !== undefined };
  let aheadMs = (saved?.aheadMs ?? 0) + (options.advance ?? 0);
  const now = () => (seedClock.isOver ? context.platform.now() + aheadMs : seedClock.now);
  let data = saved?.data;
  // A file of a server that is not set up yet would be of no use.
  let save = () => {};
  const emulator = await listen(options, context, {
    clock: () => new Date(now()),
    // The next numbers of a seed would repeat those of the first run.
    ...(options.seed === undefined || saved !== undefined ? {} : { random: seeded(options.seed) }),
    snapshot: data,
    onChange: (changed: Snapshot) => {
      data = changed;
      save();
    },
  });
  const { apiKey, tenantId, environmentId, userId } =
    saved?.operator ?? setUp(emulator, options.accounts, seedClock);
  const operator = { apiKey, tenantId, environmentId, userId };
  const write = () => {
    if (data !== undefined) file?.save({ url: emulator.url, aheadMs, operator, data });
  };
  try {
    write();
  } catch (error) {
    await emulator.stop();
    throw error;
  }
  const failed = new Promise<never>((_resolve, reject) => {
    save = () => {
      try {
        write();
      } catch (error) {
        reject(error);
      }
    };
  });
  // It can fail before somebody waits for it.
  failed.catch(() => {});
  return {
    ...{ emulator, operator, path, failed },
    accounts: saved === undefined ? options.accounts : 0,
    isAhead: () => aheadMs > 0,
    clockText: () => describeClock(now(), aheadMs),
    advance: (ms) => {
      aheadMs += ms;
      save();
    },
  };
}

async function listen(
  { host, port, log }: DevServerOptions,
  context: CommandContext,
  options: EmulatorOptions,
): Promise<Emulator> {
  try {
    const emulator = await Emulator.start({
      ...options,
      host,
      port,
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

/** Creates a tenant and its accounts, by a clock that then ends. */
function setUp(
  emulator: Emulator,
  accounts: number,
  seedClock: { now: number; isOver: boolean },
): Operator {
  const operator = emulator.createTenant({ name: "Development" });
  for (let i = 1; i <= accounts; i++) {
    seedClock.now += ONE_SECOND;
    addAccount(emulator, operator, i);
  }
  seedClock.isOver = true;
  return operator;
}

function addAccount(emulator: Emulator, { tenantId, environmentId }: Operator, i: number): void {
  const name = `demo-${i}`;
  const roles = [i % 2 === 1 ? "event_ingestor" : "event_reader"];
  const { id } = emulator.createAccount(tenantId, { name, roles });
  emulator.createKey(id, environmentId, { name });
}

function asJson({ emulator: { url }, operator }: DevServer): string {
  return `${JSON.stringify({ url, ...operator })}\n`;
}

/** The text for a person, who may be able to press keys. */
function asText(server: DevServer, hasKeys: boolean, screen: Screen): string {
  const { emulator, operator, accounts, path, isAhead, clockText } = server;
  const { url } = emulator;
  const { apiKey, tenantId, environmentId } = operator;
  const isRemote = !isLoopback(new URL(url).hostname);
  const canMove = hasKeys || isAhead();
  const prose = (text: string) => paragraph(screen, "", text);
  const command = (text: string) => copyable(screen, text);
  const lines = [
    prose(`Embedded Flexprice at ${url}`),
    prose(
      path === undefined
        ? "In memory: everything is lost when it stops (Ctrl-C)."
        : `It keeps its data in ${path}, with all keys in plain text. Stop it with Ctrl-C.`,
    ),
    accounts > 0 && prose(`It starts with ${accounts} service accounts, with one key each.`),
    canMove && prose(`Clock: ${clockText()}`),
    hasKeys && paragraph(screen, "Keys:  ", KEYS_HELP),
    "",
    "API key of a super_admin user",
    prose(`of tenant ${tenantId}, environment ${environmentId}:`),
    command(apiKey),
    "",
    "To use it in a Pulumi stack:",
    command(`pulumi config set flexprice:baseUrl ${url}`),
    command(`pulumi config set --secret flexprice:apiKey ${apiKey}`),
    isRemote && command("pulumi config set flexprice:allowInsecure true"),
    "",
    "Or in a shell:",
    command(`export FLEXPRICE_BASE_URL=${url}`),
    command(`export FLEXPRICE_API_KEY=${apiKey}`),
    isRemote && command("export FLEXPRICE_ALLOW_INSECURE=true"),
    canMove && "\nTo make Pulumi use the clock of this server:",
    canMove && command("export FLEXPRICE_TRUST_DATE_HEADER=true"),
  ];
  return `${lines.filter((line) => line !== false).join("\n")}\n`;
}

function logLine({ at, method, path, status }: RecordedRequest): string {
  return `${at.toISOString().slice(11, 19)} ${status ?? "---"} ${method} ${path}\n`;
}

function cannotListen(host: string, port: number, error: unknown): FlexpriceError {
  const taken = errorCode(error) === "EADDRINUSE";
  return new FlexpriceError({
    kind: "configuration",
    operation: `start the embedded Flexprice on ${host}, port ${port}`,
    reason: taken ? "another program listens on this port" : errorText(error),
    fix: taken
      ? "stop that program, or choose another port: --port 0 takes any free port."
      : "choose a --host that is an address of this machine, and a --port where you may listen.",
  });
}
