/**
 * `npm start`: a tour of the provider on the real Pulumi engine, with an embedded Flexprice, or with a real one if
 * FLEXPRICE_API_KEY is set.
 */
import { join, resolve } from "node:path";
import { z } from "zod";
import { readSettings } from "../provider/config/read";
import { Emulator } from "../provider/emulator";
import { runChild } from "./child";
import { ensurePulumi } from "./pulumi-cli";
import { type OperationResult, PulumiWorkspace } from "./workspace";

const CHECKOUT = resolve(__dirname, "..");
const ROLE = "flexprice-quickstart:ingestorRole";

interface Flexprice {
  readonly url: string;
  readonly operatorKey: string;
  readonly embedded: Emulator | undefined;
}

const stackOutputs = z.object({
  ingestorId: z.string(),
  ingestorApiKey: z.string(),
  readerApiKey: z.string(),
});

let steps = 0;
let interrupted = false;

async function main(): Promise<void> {
  title("A Pulumi CLI");
  const { origin } = await ensurePulumi();
  say({ path: "Found on the PATH.", download: "Downloaded.", built: "Built from source." }[origin]);

  const flexprice = await findFlexprice();
  const workspace = await PulumiWorkspace.create({
    program: join(CHECKOUT, "examples", "quickstart"),
    stack: "dev",
    show: true,
    env: { FLEXPRICE_BASE_URL: flexprice.url },
    config: { "flexprice:apiKey": { value: flexprice.operatorKey, secret: true } },
  });
  try {
    await tour(workspace, flexprice);
    console.log("\nAll of it worked.");
  } finally {
    if (!interrupted) await leaveNothing(workspace, flexprice);
    await workspace.dispose();
    await flexprice.embedded?.stop();
  }
}

async function tour(workspace: PulumiWorkspace, flexprice: Flexprice): Promise<void> {
  title("A preview with a bad role is refused, before anything is sent that changes something");
  await workspace.setConfig({ [ROLE]: { value: "event_ingestr" } });
  expect((await workspace.preview()).exitCode !== 0, "the preview to fail");
  if (flexprice.embedded !== undefined) {
    expect(flexprice.embedded.writes().length === 0, "no write request");
    say("The server has seen no write request.");
  }
  await workspace.setConfig({ [ROLE]: { value: "event_ingestor" } });

  title("pulumi up: two service accounts, a key each");
  expectSuccess(await workspace.up(), "up");

  const { ingestorId, ingestorApiKey, readerApiKey } = stackOutputs.parse(
    await workspace.outputs(),
  );
  title("The ingestor's key may send an event");
  expect((await sendEvent(flexprice, ingestorApiKey)) === 0, "the event to be accepted");
  title("The reader's key may not");
  expect((await sendEvent(flexprice, readerApiKey)) !== 0, "the event to be refused");

  title("Somebody renames the account in the dashboard: the preview shows the drift");
  await renameBehindItsBack(flexprice, ingestorId);
  const drift = await workspace.preview(["--refresh", "--diff", "--expect-no-changes"]);
  expect(drift.exitCode !== 0, "the preview to report the drift");
  say(`Exit status ${drift.exitCode}: a scheduled job fails on it.`);

  title("pulumi up --refresh puts it right");
  expectSuccess(await workspace.up(["--refresh"]), "up");
  const settled = await workspace.preview(["--refresh", "--expect-no-changes"]);
  expectSuccess(settled, "the preview after it");

  title("pulumi destroy: keys are revoked, then their accounts archived");
  expectSuccess(await workspace.destroy(), "destroy");
}

async function findFlexprice(): Promise<Flexprice> {
  title("A Flexprice");
  const operatorKey = process.env["FLEXPRICE_API_KEY"];
  if (operatorKey !== undefined && operatorKey !== "") {
    const { baseUrl: url } = readSettings({ config: () => undefined, environment: process.env });
    say(`FLEXPRICE_API_KEY is set: using ${url}.`);
    return { url, operatorKey, embedded: undefined };
  }
  const embedded = await Emulator.start();
  const { apiKey } = embedded.createTenant({ name: "Quickstart" });
  say(`Embedded, in memory, at ${embedded.url}. Set FLEXPRICE_API_KEY to use a real one.`);
  return { url: embedded.url, operatorKey: apiKey, embedded };
}

/** The consumer is a separate process that only knows its key. */
async function sendEvent({ url }: Flexprice, apiKey: string): Promise<number> {
  const { exitCode } = await runChild(
    process.execPath,
    ["-r", "ts-node/register/transpile-only", "examples/quickstart/send-event.ts"],
    {
      cwd: CHECKOUT,
      env: { ...process.env, FLEXPRICE_BASE_URL: url, FLEXPRICE_API_KEY: apiKey },
      onOutput: (text) => process.stdout.write(`  ${text}`),
    },
  );
  return exitCode;
}

async function renameBehindItsBack({ url, operatorKey }: Flexprice, id: string): Promise<void> {
  const response = await fetch(`${url}/users/${id}`, {
    method: "PUT",
    headers: { "content-type": "application/json", "x-api-key": operatorKey },
    body: JSON.stringify({ name: "renamed in the dashboard" }),
  });
  expect(response.ok, `the rename to be accepted, not ${response.status}`);
}

/** A failed tour must not leave active keys on a real Flexprice. */
async function leaveNothing(workspace: PulumiWorkspace, { embedded }: Flexprice): Promise<void> {
  if (embedded !== undefined) return;
  const { deployment } = await workspace.exportState();
  if ((deployment.resources ?? []).every(({ custom }) => !custom)) return;
  title("Cleaning up");
  expectSuccess(await workspace.destroy(), "destroy");
}

function title(text: string): void {
  if (interrupted) throw new Error("Interrupted.");
  steps += 1;
  console.log(`\n── ${steps}. ${text}`);
}

function say(text: string): void {
  console.log(`  ${text}`);
}

function expect(holds: boolean, what: string): void {
  if (!holds) throw new Error(`Expected ${what}.`);
}

function expectSuccess({ exitCode }: OperationResult, what: string): void {
  expect(exitCode === 0, `${what} to succeed, not to end with exit status ${exitCode}`);
}

// Pulumi receives the same signal and ends by itself. Then the folders and the server are removed.
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    interrupted = true;
    process.exitCode = 130;
  });
}

main().catch((error: unknown) => {
  if (!interrupted) {
    console.error(`\n${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
});
