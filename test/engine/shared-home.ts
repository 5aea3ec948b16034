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

/** From now on, every request of the fixture's stack goes through a gateway. */
export async function gatewayBefore(fixture: EngineFixture): Promise<Gateway> {
  const gateway = await Gateway.before(fixture.emulator.url);
  fixture.workspace.env["FLEXPRICE_BASE_URL"] = gateway.url;
  return gateway;
}

function homeOf({ workspace }: EngineFixture): string {
  return join(workspace.scratch, "home");
}

/** Another stack of the same tenant on the same machine, with the same PULUMI_HOME and settings. */
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

/** Resolves once the request has arrived. Fails if the operation ends before. */
export async function reached(request: Interception, running: RunningOperation): Promise<void> {
  const early = running.done.then(({ output }) => assert.fail(`It ended too early:\n${output}`));
  await Promise.race([request.arrived(), early]);
  early.catch(() => undefined);
}

/** The ids in the states. */
async function idsIn(workspaces: readonly PulumiWorkspace[]): Promise<string[]> {
  const states = await Promise.all(workspaces.map((workspace) => workspace.exportState()));
  return states.flatMap(({ deployment }) =>
    (deployment.resources ?? []).flatMap(({ type, id }) =>
      type.includes("/flexprice:") && id !== undefined ? [id] : [],
    ),
  );
}

/** Asserts that each active object is in exactly one state, and each object in a state is active. */
export async function assertStatesAreTheServer(
  fixture: EngineFixture,
  ...workspaces: readonly PulumiWorkspace[]
): Promise<void> {
  const live = [...fixture.accounts(), ...fixture.keys()].map(({ id }) => id);
  const held = await idsIn(workspaces.length === 0 ? [fixture.workspace] : workspaces);
  assert.deepEqual(held.sort(), live.sort());
}

/** The ids of archived and revoked objects. */
export function endedIds({ emulator, operator }: EngineFixture): string[] {
  return [...emulator.accounts(operator.tenantId), ...emulator.keys(operator.tenantId)]
    .filter(({ status }) => status !== "published")
    .map(({ id }) => id);
}

/** The warnings of a run about earlier ones, without those of its preview and of the engine. */
export function warningsOf(result: OperationResult): string[] {
  return messages(result, "warning").filter(
    (message) => !/pending operations|The next "pulumi up" that changes something/.test(message),
  );
}

/** Kills CLI, program and provider at once, as if the machine went down. */
export async function killAll({ workspace }: EngineFixture): Promise<void> {
  while (workspace.processes().length > 0) {
    for (const { pid } of workspace.processes()) endProcess(pid);
    await new Promise((wake) => setTimeout(wake, 20));
  }
  await ok(workspace.run(["cancel", "--yes"]));
}

/** The notes about creates in a fixture's PULUMI_HOME. */
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

  /** The names in the notes. */
  get names(): string[] {
    return this.paths
      .map((path) => {
        const [first = ""] = readFileSync(path, "utf8").split("\n");
        return String((JSON.parse(first) as { name: unknown }).name);
      })
      .sort();
  }

  /** Makes their last renewal this old. */
  age(duration: ms.StringValue): void {
    const then = (Date.now() - ms(duration)) / 1_000;
    for (const path of this.paths) utimesSync(path, then, then);
  }
}
