import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { World } from "../../provider/api/client";
import { Connection } from "../../provider/api/connection";
import { Journal } from "../../provider/api/journal";
import { ManagedIds } from "../../provider/api/managed-ids";
import { DEFAULT_TRANSPORT_LIMITS, httpTransport } from "../../provider/api/transport";
import { Emulator, type Fault, type Operator } from "../../provider/emulator";
import { redact } from "../../provider/redaction";
import { ApiKeyLifecycle } from "../../provider/resources/api-key-lifecycle";
import type { Surroundings } from "../../provider/resources/lifecycle";
import { ServiceAccountLifecycle } from "../../provider/resources/service-account-lifecycle";
import { killable, type Provider } from "./engine";

/** Real milliseconds that a request may take: a fault that never answers is not waited for any longer. */
const PATIENCE_MS = 40;

const START = Date.UTC(2026, 10, 24, 8, 0, 0);

/** How often each kind of fault was met. */
export type FaultCounts = Map<string, number>;

/** A Flexprice that misbehaves by chance, and provider processes that use it. Time moves with pauses only. */
export class ChaosWorld {
  private readonly journals = mkdtempSync(join(tmpdir(), "pulumi-flexprice-chaos-"));
  private readonly running = new Set<number>();
  private readonly transport = httpTransport({
    ...DEFAULT_TRANSPORT_LIMITS,
    headersMs: PATIENCE_MS,
    bodyMs: PATIENCE_MS,
    totalMs: 2 * PATIENCE_MS,
  });
  private pids = 0;
  /** Requests until the process is killed; undefined: it lives. */
  private killIn: number | undefined;
  private kill: () => void = () => undefined;
  readonly warnings: string[] = [];

  private constructor(
    readonly emulator: Emulator,
    readonly operator: Operator,
    readonly clock: { now: number },
    private readonly random: () => number,
    private readonly met: FaultCounts,
  ) {}

  static async start(
    random: () => number,
    met: FaultCounts,
    revocationDelayMs: number,
  ): Promise<ChaosWorld> {
    const clock = { now: START };
    const emulator = await Emulator.start({
      clock: () => new Date(clock.now),
      random,
      revocationDelayMs,
    });
    return new ChaosWorld(emulator, emulator.createTenant(), clock, random, met);
  }

  async stop(): Promise<void> {
    await this.emulator.stop();
    rmSync(this.journals, { recursive: true, force: true });
  }

  /** From now on one request in `oneIn` meets a fault. */
  misbehave(oneIn: number): void {
    this.emulator.faults.decide = ({ method, path }) => {
      if (this.killIn !== undefined && --this.killIn < 0) {
        this.killIn = undefined;
        this.count("killed");
        // Before or after the effect: the answer is not heard in either case.
        this.kill();
        return { kind: "reset", when: this.random() < 0.5 ? "before" : "after" };
      }
      if (this.random() * oneIn >= 1) return undefined;
      const fault = this.draw(method, path);
      this.count(`${fault.kind}${fault.kind === "status" ? ` ${fault.status}` : ""} ${fault.when}`);
      return fault;
    };
  }

  behave(): void {
    this.emulator.faults.decide = undefined;
    this.emulator.faults.outage = false;
    this.killIn = undefined;
  }

  outage(on: boolean): void {
    if (on) this.count("database outage");
    this.emulator.faults.outage = on;
  }

  /** A provider process for one operation; `killIn`: how many requests it lives. */
  process(killIn?: number): Provider & { end: () => void } {
    this.pids += 1;
    const pid = this.pids;
    this.running.add(pid);
    const { transport, death, kill } = killable(this.transport);
    this.killIn = killIn;
    this.kill = () => {
      this.running.delete(pid);
      kill();
    };
    const world: World = {
      transport,
      now: () => this.clock.now,
      random: this.random,
      sleep: async (ms) => {
        this.clock.now += ms;
        await new Promise((turn) => setImmediate(turn));
      },
    };
    const managed = new Managed();
    const journal = new Journal({
      directory: this.journals,
      pid,
      isRunning: (other) => this.running.has(other),
      now: world.now,
    });
    const { apiKey } = this.operator;
    const credential = {
      kind: "apiKey",
      value: apiKey,
      source: "config key flexprice:apiKey",
    } as const;
    const connection = new Connection(
      { baseUrl: this.emulator.url, credential, world },
      managed,
      journal,
    );
    const surroundings: Surroundings = {
      connect: () => connection,
      isConfigured: () => true,
      wantsPreflight: () => true,
      managed,
      adopted: new Set(),
      now: world.now,
      sleep: world.sleep,
      warn: async (message) => {
        this.warnings.push(redact(message));
      },
    };
    return {
      account: new ServiceAccountLifecycle(surroundings),
      key: new ApiKeyLifecycle(surroundings),
      death,
      end: () => {
        this.running.delete(pid);
        // A moment between two commands of a person or a CI job.
        this.clock.now += 5_000;
      },
    };
  }

  private draw(method: string, path: string): Fault {
    const faults: Fault[] = [
      ...(["before", "after"] as const).flatMap((when): Fault[] => [
        { kind: "reset", when },
        { kind: "timeout", when },
        { kind: "truncated", when },
        { kind: "slow", bytesPerSecond: 400, when },
        { kind: "not_json", when },
        { kind: "wrong_shape", when },
        { kind: "status", status: 500, body: { message: "Internal server error" }, when },
        { kind: "status", status: 502, body: "Bad Gateway", when },
        { kind: "status", status: 504, body: "Gateway Timeout", when },
      ]),
      { kind: "status", status: 429, body: {}, headers: { "retry-after": "2" }, when: "before" },
      { kind: "status", status: 503, body: {}, headers: { "retry-after": "2" }, when: "before" },
      { kind: "status", status: 401, body: { error: "Unauthorized" }, when: "before" },
      { kind: "status", status: 404, body: NOT_FOUND, when: "before" },
      // A create that a proxy delivers twice makes two objects that nothing tells apart: see the README.
      ...(method === "POST" && !path.includes("search")
        ? []
        : [{ kind: "duplicate", when: "after" } as const]),
    ];
    return faults[Math.floor(this.random() * faults.length)] ?? { kind: "reset", when: "before" };
  }

  private count(kind: string): void {
    this.met.set(kind, (this.met.get(kind) ?? 0) + 1);
  }
}

const NOT_FOUND = {
  code: "not_found",
  message: "Failed to retrieve user",
  http_status_code: 404,
};
