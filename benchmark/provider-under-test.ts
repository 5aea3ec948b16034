import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ok, PulumiWorkspace, type Verb } from "../scripts/workspace";
import { program } from "./program";
import { type Requests, Server } from "./server";

/**
 * In the order of the tables: the engine alone, with the writes, this package's dynamic provider, its plugin, and a
 * typical hand-written provider.
 */
export const PROVIDERS = [
  "do-nothing",
  "requests-only",
  "pulumi-flexprice",
  "plugin",
  "naive",
] as const;
export type Provider = (typeof PROVIDERS)[number];

/** In this order, they are the whole life of a stack. */
export const OPERATIONS = ["up", "preview", "up, no change", "refresh", "destroy"] as const;
export type Operation = (typeof OPERATIONS)[number];

export interface Measurement {
  /** From the start of the CLI to its end. */
  readonly seconds: number;
  readonly requests: Requests;
  /** Of the provider process. */
  readonly peakBytes: number;
  /** Processor time of the provider process. */
  readonly cpuSeconds: number;
  /** The size of the output of `pulumi stack export` afterwards. */
  readonly stateBytes: number;
}

export interface Conditions {
  /** Added to each response of the server, in milliseconds. */
  readonly latencyMs?: number | undefined;
  /** Whether the engine writes the state after each step, which is its default, instead of once at the end. */
  readonly checkpoints: boolean;
  /** How many resources the engine works on at once; default: the engine's own. */
  readonly parallel?: number | undefined;
  /** Options of the program's Node, as in Pulumi.yaml. */
  readonly nodeargs?: string | undefined;
  /** Variables for the engine, the program and the provider process. */
  readonly env?: Readonly<Record<string, string>> | undefined;
}

const VERBS: Record<Operation, { verb: Verb; change: "create" | "same" | "delete" }> = {
  up: { verb: "up", change: "create" },
  preview: { verb: "preview", change: "same" },
  "up, no change": { verb: "up", change: "same" },
  refresh: { verb: "refresh", change: "same" },
  destroy: { verb: "destroy", change: "delete" },
};

/** After this time, an operation counts as hanging, in milliseconds. */
const LONGEST_OPERATION = 3_600_000;

/** A stack of accounts with one key each, by one provider, with its own Flexprice. */
export class ProviderUnderTest {
  static async open(
    provider: Provider,
    size: number,
    conditions: Conditions,
  ): Promise<ProviderUnderTest> {
    const server = await Server.start(conditions.latencyMs ?? 0);
    const workspace = await PulumiWorkspace.create({
      program: program(conditions.nodeargs),
      operationTimeoutMs: LONGEST_OPERATION,
      env: {
        BENCHMARK_PROVIDER: provider,
        BENCHMARK_SIZE: String(size),
        FLEXPRICE_BASE_URL: server.url,
        FLEXPRICE_API_KEY: server.apiKey,
        NODE_OPTIONS: `--require ${join(__dirname, "provider-usage.cjs")}`,
        ...(conditions.checkpoints ? {} : { PULUMI_SKIP_CHECKPOINTS: "true" }),
        ...conditions.env,
      },
    });
    return new ProviderUnderTest(provider, size, conditions, server, workspace);
  }

  private constructor(
    readonly provider: Provider,
    private readonly size: number,
    private readonly conditions: Conditions,
    private readonly server: Server,
    private readonly workspace: PulumiWorkspace,
  ) {
    workspace.env["BENCHMARK_USAGE_FILE"] = this.usageFile;
  }

  /** Runs an operation. Throws if it did not do what is to be measured. */
  async measure(operation: Operation): Promise<Measurement> {
    const { verb, change } = VERBS[operation];
    const { parallel } = this.conditions;
    const { seconds, changes } = await ok(
      this.workspace.start(verb, parallel === undefined ? [] : ["--parallel", String(parallel)])
        .done,
    );
    const requests = await this.server.takeRequests();
    const resources = 2 * this.size;
    const writes = this.provider === "do-nothing" || change === "same" ? 0 : resources;
    // The stack itself is a resource too.
    if (changes[change] !== resources + 1 || requests.writes !== writes) {
      throw new Error(
        `${operation} by ${this.provider} was to ${change} ${resources} resources by ${writes} writes: ${JSON.stringify({ changes, requests })}`,
      );
    }
    const { stdout: state } = await ok(this.workspace.run(["stack", "export"]));
    return { seconds, requests, stateBytes: Buffer.byteLength(state), ...this.usage() };
  }

  async close(): Promise<void> {
    await this.workspace.dispose();
    await this.server.stop();
  }

  private get usageFile(): string {
    return join(this.workspace.scratch, "usage.json");
  }

  private usage(): Pick<Measurement, "peakBytes" | "cpuSeconds"> {
    return JSON.parse(readFileSync(this.usageFile, "utf8"));
  }
}
