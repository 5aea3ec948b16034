import crypto from "node:crypto";
import type { HttpRequest } from "../../provider/api/transport";
import { Emulator, type Operator } from "../../provider/emulator";
import { ApiKeyProvider } from "../../provider/lifecycle/api-key/provider";
import type { ProviderContext } from "../../provider/lifecycle/context";
import { DiffedResources } from "../../provider/lifecycle/diffed-resources";
import { ServiceAccountProvider } from "../../provider/lifecycle/service-account/provider";
import { Connection } from "../../provider/session/connection";
import { ManagedIds } from "../../provider/session/managed-ids";
import { redact } from "../../provider/shared/redaction";
import { Engine, type Provider } from "./engine";
import { Gateway } from "./gateway";
import { NoteFolder } from "./notes";
import { Killed, ProviderProcess } from "./provider-process";
import type { Disruption } from "./scenario";
import type { Tally } from "./tally";
import { Timeline } from "./timeline";

const START = Date.UTC(2026, 10, 24, 8, 0, 0);

/** One tenant of a Flexprice behind a faulty gateway, one folder of notes, and two stacks with the same names. */
export class ChaosWorld {
  readonly notes: NoteFolder;
  readonly gateway: Gateway;
  readonly stacks: readonly [Engine, Engine];
  readonly warnings: string[] = [];
  readonly operator: Operator;
  private processes = 0;
  private readonly randomBytes = crypto.randomBytes;

  private constructor(
    readonly emulator: Emulator,
    readonly timeline: Timeline,
    private readonly random: () => number,
    private readonly tally: Tally,
  ) {
    this.operator = emulator.createTenant();
    this.notes = new NoteFolder(timeline, tally);
    this.gateway = new Gateway(emulator, timeline, random, tally);
    this.stacks = [new Engine("first", timeline, random), new Engine("second", timeline, random)];
    // A seed also repeats the names of objects and notes, and with them the order in a folder.
    const bytes = (size: number) => Buffer.from(Array.from({ length: size }, () => random() * 256));
    Object.assign(crypto, { randomBytes: bytes });
  }

  static async start(
    random: () => number,
    tally: Tally,
    revocationDelayMs: number,
  ): Promise<ChaosWorld> {
    const timeline = new Timeline(START);
    const clock = () => new Date(timeline.now);
    const emulator = await Emulator.start({ clock, random, revocationDelayMs });
    return new ChaosWorld(emulator, timeline, random, tally);
  }

  async stop(): Promise<void> {
    Object.assign(crypto, { randomBytes: this.randomBytes });
    await this.emulator.stop();
    this.notes.remove();
  }

  /** One command of the CLI, in its own process. */
  async command(
    engine: Engine,
    disruption: Disruption,
    perform: (provider: Provider) => Promise<boolean>,
  ): Promise<boolean> {
    this.processes += 1;
    const label = `${engine.name} ${this.processes}`;
    const providerProcess = new ProviderProcess(label, this.timeline, this.notes, disruption, () =>
      engine.kill(),
    );
    try {
      return await perform(this.provider(providerProcess));
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
      return false;
    } finally {
      // A process whose engine was killed continues until it notices.
      if (!providerProcess.hasLostEngine) await this.timeline.hold(providerProcess.kill());
    }
  }

  /** The active objects of the tenant: accounts, and keys other than the operator's. */
  live(): { id: string; name: string; value?: string }[] {
    const { emulator, operator } = this;
    const isLive = ({ status }: { status: string }) => status === "published";
    const keys = emulator
      .keys(operator.tenantId)
      .filter(({ userId }) => userId !== operator.userId);
    return [...emulator.accounts(operator.tenantId), ...keys].filter(isLive);
  }

  private provider(providerProcess: ProviderProcess): Provider {
    const warn = async (message: string) => {
      this.warnings.push(redact(message));
      if (message.includes("created by a run that was interrupted, has been")) {
        this.tally.count("removed by recovery");
      }
      this.timeline.log(`${providerProcess.label}: warns: ${message}`);
    };
    const journal = providerProcess.openJournal(warn);
    const managed = new ManagedIds(journal);
    const transport = (request: HttpRequest) => this.gateway.send(providerProcess, request);
    const platform = providerProcess.platform(transport, this.random);
    const credential = {
      kind: "apiKey",
      value: this.operator.apiKey,
      source: "config key flexprice:apiKey",
    } as const;
    const connection = new Connection(
      { baseUrl: this.emulator.url, credential, platform },
      journal,
      managed,
    );
    const context: ProviderContext = {
      connect: () => connection,
      isConfigured: () => true,
      wantsPreflight: () => true,
      managed,
      adoptedIds: new Set(),
      connectionNames: () => [],
      inform: async () => {},
      fingerprint: () => "0123456789abcdef",
      diffedAccounts: new DiffedResources(),
      diffedKeys: new DiffedResources(),
      now: () => connection.api.serverNow(),
      sleep: platform.sleep,
      warn,
      currentUrn: () => undefined,
      rejectsForeignTenant: false,
      environment: {},
    };
    return {
      account: new ServiceAccountProvider(context),
      key: new ApiKeyProvider(context),
      death: providerProcess.death,
    };
  }
}
