import { randomBytes } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type RunningChild, startChild } from "../../scripts/child";
import { processesWith } from "../../scripts/processes";
import { endProcess } from "../../scripts/workspace";
import type { Job, Settings } from "./ci-examples";
import { EngineFixture } from "./fixture";

const CHECKOUT = join(__dirname, "..", "..");
const STACK = "production";

/** After this time, a job counts as hanging. */
const TIMEOUT_MS = 120_000;

/** Longer than a note's lease. */
const BETWEEN_JOBS_MS = 180_000;

/** The options with which both CI systems call bash. */
const SHELL = ["--noprofile", "--norc", "-eo", "pipefail"];

/** The folders of a CI machine. */
export interface Machine {
  readonly home: string;
  readonly checkout: string;
}

/** A CI system, with the jobs of its example. */
export interface System {
  job(name: "preview" | "up" | "drift", settings: Settings, machine: Machine): Job;
  /** The folders that the cache of the job `up` keeps for the next machine. */
  cached(machine: Machine): string;
  /** Where a person reads the result of a preview. */
  report(machine: Machine): string;
}

export interface JobResult {
  readonly exitCode: number;
  readonly output: string;
}

/** A repository with a Pulumi program, and the machines that run its CI jobs. */
export class Repository {
  /** The settings that the repository needs. */
  readonly settings: Settings;
  private machine: Machine;
  private jobs = 0;

  private constructor(
    private readonly system: System,
    readonly fixture: EngineFixture,
    private readonly folder: string,
  ) {
    const { PULUMI_BACKEND_URL = "", PULUMI_CONFIG_PASSPHRASE = "" } = fixture.workspace.env;
    const FLEXPRICE_API_KEY = fixture.operator.apiKey;
    this.settings = { FLEXPRICE_API_KEY, PULUMI_BACKEND_URL, PULUMI_CONFIG_PASSPHRASE };
    this.machine = this.newMachine();
  }

  static async open(system: System, source: string): Promise<Repository> {
    // Inside the checkout, where the program finds its packages, so `npm ci` has nothing to install.
    const folder = join(CHECKOUT, ".scratch", randomBytes(6).toString("hex"));
    const files = {
      "Pulumi.yaml": { name: "flexprice", runtime: "nodejs" },
      "package.json": { name: "flexprice", private: true, main: "index.ts" },
      "package-lock.json": {
        name: "flexprice",
        lockfileVersion: 3,
        packages: { "": { name: "flexprice" } },
      },
    };
    mkdirSync(folder, { recursive: true });
    for (const [name, content] of Object.entries(files)) {
      writeFileSync(join(folder, name), JSON.stringify(content));
    }
    const fixture = await EngineFixture.open(source, {
      folder,
      stack: STACK,
      withoutCredential: true,
    });
    const config = `Pulumi.${STACK}.yaml`;
    cpSync(join(fixture.workspace.scratch, config), join(folder, config));
    return new Repository(system, fixture, folder);
  }

  /** Runs a job up to the first failing step. */
  async run(
    name: "preview" | "up" | "drift",
    settings: Settings = this.settings,
  ): Promise<JobResult> {
    let output = "";
    for (const step of this.system.job(name, settings, this.machine).steps) {
      const result = await this.start(step).done;
      output += result.output;
      if (result.exitCode !== 0) return { exitCode: result.exitCode, output };
    }
    return { exitCode: 0, output };
  }

  /** Runs a job until a condition is true, and then kills everything on its machine. */
  async runUntil(name: "preview" | "up" | "drift", isTime: () => boolean): Promise<void> {
    for (const step of this.system.job(name, this.settings, this.machine).steps) {
      const child = this.start(step);
      const ended = child.done.then(() => true);
      while (!isTime()) {
        const turn = new Promise<false>((wake) => setTimeout(() => wake(false), 5));
        if (await Promise.race([ended, turn])) break;
      }
      if (!isTime()) continue;
      for (const { pid } of this.processes()) endProcess(pid);
      await ended;
      return;
    }
  }

  /** The next job gets a new machine, with only the cache of the last one. */
  replaceMachine(): void {
    const before = this.machine;
    const cache = join(this.fixture.workspace.scratch, "cache");
    const cached = this.system.cached(before);
    mkdirSync(cache);
    if (existsSync(cached)) cpSync(cached, cache, { recursive: true });
    letTimePass(cache);
    this.machine = this.newMachine();
    rmSync(cached, { recursive: true, force: true });
    rmSync(before.home, { recursive: true, force: true });
    cpSync(cache, this.system.cached(this.machine), { recursive: true, preserveTimestamps: true });
  }

  report(): string {
    return readFileSync(this.system.report(this.machine), "utf8");
  }

  processes() {
    return processesWith("HOME", this.machine.home);
  }

  /** Closes everything, after a search for secrets. */
  async close(): Promise<void> {
    try {
      await this.fixture.close();
    } finally {
      rmSync(this.folder, { recursive: true, force: true });
    }
  }

  /** Closes everything, without a search: a secret is known to have leaked. */
  async discard(): Promise<void> {
    await this.fixture.workspace.dispose();
    await this.fixture.emulator.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private start({ script, env }: Job["steps"][number]): RunningChild {
    this.jobs += 1;
    const file = join(this.fixture.workspace.scratch, `script-${this.jobs}.sh`);
    const log = join(this.fixture.workspace.scratch, `script-${this.jobs}.log`);
    writeFileSync(file, script);
    writeFileSync(log, "");
    return startChild("bash", [...SHELL, file], {
      cwd: this.machine.checkout,
      env: { ...this.context(), ...this.fixture.clock.env, ...env },
      timeoutMs: TIMEOUT_MS,
      // Needed for the search for secrets at the end.
      onOutput: (text) => writeFileSync(log, text, { flag: "a" }),
    });
  }

  /** Replaces the machine, the installation of the CLI and the network. */
  private context(): NodeJS.ProcessEnv {
    const { home } = this.machine;
    const {
      PULUMI_HOME: _home,
      PULUMI_BACKEND_URL: _backend,
      PULUMI_CONFIG_PASSPHRASE: _passphrase,
      ...rest
    } = this.fixture.workspace.env;
    return {
      ...rest,
      CI: "true",
      HOME: home,
      TMPDIR: home,
      GITHUB_STEP_SUMMARY: join(home, "summary.md"),
      npm_config_offline: "true",
      npm_config_update_notifier: "false",
    };
  }

  private newMachine(): Machine {
    const home = join(this.fixture.workspace.scratch, `machine-${this.jobs}`);
    mkdirSync(home);
    return { home, checkout: this.folder };
  }
}

/** Caches keep the dates of files: here, the last job ended a while ago. */
function letTimePass(notes: string): void {
  const then = new Date(Date.now() - BETWEEN_JOBS_MS);
  for (const file of readdirSync(notes, { recursive: true, encoding: "utf8" })) {
    if (file.endsWith(".json")) utimesSync(join(notes, file), then, then);
  }
}
