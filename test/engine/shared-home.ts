import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, utimesSync } from "node:fs";
import { join } from "node:path";
import ms from "ms";
import {
  endProcess,
  type OperationResult,
  ok,
  PulumiWorkspace,
  type RunningOperation,
} from "../../scripts/workspace";
import { type EngineFixture, messages } from "./fixture";
import { Gateway, type Interception } from "./identity/gateway";

/** Every request of the bench's stack goes through a gateway from now on. */
export async function gatewayBefore(fixture: EngineFixture): Promise<Gateway> {
  const gateway = await Gateway.before(fixture.emulator.url);
  fixture.workspace.env["FLEXPRICE_BASE_URL"] = gateway.url;
  return gateway;
}

function homeOf({ workspace }: EngineFixture): string {
  return join(workspace.scratch, "home");
}

/** Another stack of the same tenant on the same machine: with the same PULUMI_HOME and the same settings. */
export async function secondStack(
  fixture: EngineFixture,
  source: string,
): Promise<PulumiWorkspace> {
  return await PulumiWorkspace.create({
    program: { source },
    inline: true,
    stack: "second",
    env: {
      FLEXPRICE_BASE_URL: fixture.workspace.env["FLEXPRICE_BASE_URL"],
      FLEXPRICE_API_KEY: fixture.operator.apiKey,
      PULUMI_HOME: homeOf(fixture),
    },
  });
}

/** Resolves once so many requests have arrived; an operation that ends before them has failed. */
export async function reached(
  request: Interception,
  running: RunningOperation,
  count = 1,
): Promise<void> {
  const early = running.done.then(({ output }) => assert.fail(`It ended too early:\n${output}`));
  await Promise.race([request.arrived(count), early]);
  early.catch(() => undefined);
}

/** Ids of what the states hold. */
async function idsIn(workspaces: readonly PulumiWorkspace[]): Promise<string[]> {
  const states = await Promise.all(workspaces.map((workspace) => workspace.exportState()));
  return states.flatMap(({ deployment }) =>
    (deployment.resources ?? []).flatMap(({ type, id }) =>
      type.includes("/flexprice:") && id !== undefined ? [id] : [],
    ),
  );
}

/** Each live object is in exactly one of the states, and what a state holds is live. */
export async function assertStatesAreTheServer(
  fixture: EngineFixture,
  ...workspaces: readonly PulumiWorkspace[]
): Promise<void> {
  const live = [...fixture.accounts(), ...fixture.keys()].map(({ id }) => id);
  const held = await idsIn(workspaces.length === 0 ? [fixture.workspace] : workspaces);
  assert.deepEqual(held.sort(), live.sort());
}

/** Ids of what was archived or revoked. */
export function endedIds({ emulator, operator }: EngineFixture): string[] {
  return [...emulator.accounts(operator.tenantId), ...emulator.keys(operator.tenantId)]
    .filter(({ status }) => status !== "published")
    .map(({ id }) => id);
}

/** What a run says of earlier ones, without what a preview of it says too and what the engine says on its own. */
export function warningsOf(result: OperationResult): string[] {
  return messages(result, "warning").filter(
    (message) => !/pending operations|The next "pulumi up" that changes something/.test(message),
  );
}

/** CLI, program and provider end in one moment, as with the machine. */
export async function killAll({ workspace }: EngineFixture): Promise<void> {
  while (workspace.processes().length > 0) {
    for (const { pid } of workspace.processes()) endProcess(pid);
    await new Promise((wake) => setTimeout(wake, 20));
  }
  await ok(workspace.run(["cancel", "--yes"]));
}

/** The notes of creates in a bench's PULUMI_HOME. */
export class Notes {
  readonly folder: string;

  constructor(fixture: EngineFixture) {
    this.folder = join(homeOf(fixture), "flexprice", "creates");
  }

  get paths(): string[] {
    if (!existsSync(this.folder)) return [];
    return readdirSync(this.folder)
      .filter((file) => file.endsWith(".json"))
      .map((file) => join(this.folder, file));
  }

  /** The names in them. */
  get names(): string[] {
    return this.paths
      .map((path) => {
        const [first = ""] = readFileSync(path, "utf8").split("\n");
        return String((JSON.parse(first) as { name: unknown }).name);
      })
      .sort();
  }

  /** So long ago they were renewed last. */
  age(duration: ms.StringValue): void {
    const then = (Date.now() - ms(duration)) / 1_000;
    for (const path of this.paths) utimesSync(path, then, then);
  }
}
