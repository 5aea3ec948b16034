import { randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type ChildResult, type RunningChild, startChild } from "./child";
import { type EngineLog, readEngineLog } from "./events";
import { InlineHost } from "./inline-host";
import { type ProcessInfo, processesWith } from "./processes";
import { ensurePulumi, type PulumiCli } from "./pulumi-cli";
import { SecretsProvider } from "./secrets-provider";

const CHECKOUT = resolve(__dirname, "..");

const LAZY_TYPESCRIPT = join(__dirname, "lazy-typescript.cjs");

/** After this time, a test's operation is killed, so that the test fails with its output. */
const OPERATION_TIMEOUT_MS = 180_000;

/** A program that is written into a folder of its own, for one workspace. */
export interface ProgramSource {
  /** Text of index.ts or index.js. */
  source: string;
  /** Default: typescript. */
  language?: "typescript" | "javascript";
  /** Project name; default: "test". */
  project?: string;
  /** Further options of the Node runtime in Pulumi.yaml, e.g. `{ nodeargs: "--trace-warnings" }`. */
  runtimeOptions?: Record<string, string | boolean>;
  /** Where Pulumi finds plugins, as in Pulumi.yaml. */
  plugins?: { readonly providers: readonly { readonly name: string; readonly path: string }[] };
  /** Further files by their path in the folder, e.g. another module or a tsconfig.json. */
  files?: Record<string, string>;
  /** The folder to make its folder in: there its imports are looked up. Default: `.scratch` of the checkout. */
  within?: string;
}

export interface ConfigValue {
  value: string;
  secret?: boolean;
}

export interface WorkspaceOptions {
  /** A folder with a Pulumi.yaml, used in place and left untouched, or a program's text. */
  program: string | ProgramSource;
  /** Default: "test". */
  stack?: string;
  /** Added to the environment of the CLI, the program and the provider; undefined removes. */
  env?: Record<string, string | undefined>;
  /** Stack config, e.g. `{ "flexprice:apiKey": { value: "sk_…", secret: true } }`. */
  config?: Record<string, ConfigValue>;
  /** Show the CLI's output as it comes, for a person; default: only collect it. */
  show?: boolean;
  /** Type-check the program as Pulumi does by default (slow); default: false. */
  typeCheck?: boolean;
  /** Run the program in this process, which saves half of an operation; default: a process for each run. */
  inline?: boolean;
  /** Encrypt secrets with a key from this process, which saves a seventh of an operation; default: a passphrase. */
  secretsProvider?: boolean;
  /** When to kill an operation, in milliseconds; default: three minutes, and never where output is shown. */
  operationTimeoutMs?: number;
}

/** The verbs that work on the stack's resources. */
export type Verb = "preview" | "up" | "refresh" | "destroy" | "import";

export interface OperationResult extends ChildResult, EngineLog {
  /** From the start of the CLI to its end. */
  seconds: number;
}

export interface RunningOperation extends Omit<RunningChild, "done"> {
  readonly done: Promise<OperationResult>;
  /** Resolves once the output matches; rejects where the operation ends or the time is up before. */
  waitForOutput(pattern: RegExp, timeoutMs?: number): Promise<void>;
}

export interface StateResource {
  urn: string;
  type: string;
  custom: boolean;
  id?: string;
  parent?: string;
  provider?: string;
  delete?: boolean;
  protect?: boolean;
  pendingReplacement?: boolean;
  initErrors?: string[];
  inputs?: Record<string, unknown>;
  outputs?: Record<string, unknown>;
}

export interface StackState {
  version: number;
  deployment: {
    manifest: { time: string; version: string };
    secrets_providers?: object;
    resources?: StateResource[];
    pending_operations?: { type: string; resource: StateResource }[];
  };
}

interface Checkpoint {
  version: number;
  checkpoint: { latest?: StackState["deployment"] };
}

const EMPTY_DEPLOYMENT: StackState["deployment"] = { manifest: { time: "", version: "" } };

/** Marks the processes that a workspace starts: several may share one PULUMI_HOME. */
const MARK = "PULUMI_WORKSPACE_SCRATCH";

/** The command of a provider process: Pulumi's host of dynamic providers, or the plugin. */
const PROVIDER = /dynamic-provider|plugin\/main\.js/;

const VERB_ARGUMENTS: Record<Verb, readonly string[]> = {
  preview: ["--diff=false"],
  up: ["--yes", "--skip-preview"],
  refresh: ["--yes", "--skip-preview"],
  destroy: ["--yes", "--skip-preview"],
  import: ["--yes", "--skip-preview", "--protect=false"],
};

const RUNS_PROGRAM: ReadonlySet<Verb> = new Set(["preview", "up"]);

/**
 * What `stack init` has written, by project, stack and secrets provider: it would write the same again, and takes half a
 * second.
 */
const newStacks = new Map<string, readonly [path: string, text: string][]>();

const undisposed = new Set<PulumiWorkspace>();

/**
 * A stack on a file backend in a folder of its own, and a program to run in it. Ignores the
 * user's Pulumi settings, and leaves nothing behind after `dispose()`.
 */
export class PulumiWorkspace {
  readonly stack: string;
  /** The folder that holds Pulumi.yaml. */
  readonly programDirectory: string;
  /** The folder that holds everything else: PULUMI_HOME, the backend, the stack's config. */
  readonly scratch: string;
  /** The environment that the CLI runs with. */
  readonly env: NodeJS.ProcessEnv;
  readonly #cli: PulumiCli;
  readonly #options: WorkspaceOptions;
  readonly #configFile: string;
  readonly #inlineHost: InlineHost | undefined;
  readonly #secretsProvider: SecretsProvider | undefined;
  readonly #stateFolder: string;
  #operations = 0;

  private constructor(cli: PulumiCli, options: WorkspaceOptions) {
    this.#cli = cli;
    this.#options = options;
    this.stack = options.stack ?? "test";
    this.scratch = mkdtempSync(join(tmpdir(), "pulumi-flexprice-"));
    this.#configFile = join(this.scratch, `Pulumi.${this.stack}.yaml`);
    this.programDirectory =
      typeof options.program === "string"
        ? resolve(options.program)
        : join(
            options.program.within ?? join(CHECKOUT, ".scratch"),
            randomBytes(6).toString("hex"),
          );
    this.#stateFolder = join(this.scratch, "state");
    this.env = this.#environment();
    this.#inlineHost = options.inline ? new InlineHost() : undefined;
    this.#secretsProvider = options.secretsProvider ? new SecretsProvider() : undefined;
  }

  /** Prepares the folders and the stack. Gets a CLI first where this machine has none. */
  static async create(options: WorkspaceOptions): Promise<PulumiWorkspace> {
    const workspace = new PulumiWorkspace(await ensurePulumi(), options);
    undisposed.add(workspace);
    try {
      await workspace.#prepare();
    } catch (error) {
      await workspace.dispose();
      throw error;
    }
    return workspace;
  }

  preview(args: readonly string[] = []): Promise<OperationResult> {
    return this.perform("preview", args);
  }

  up(args: readonly string[] = []): Promise<OperationResult> {
    return this.perform("up", args);
  }

  refresh(args: readonly string[] = []): Promise<OperationResult> {
    return this.perform("refresh", args);
  }

  destroy(args: readonly string[] = []): Promise<OperationResult> {
    return this.perform("destroy", args);
  }

  perform(verb: Verb, args: readonly string[] = []): Promise<OperationResult> {
    return this.#begin(verb, [...args, ...this.#languageHost(verb)], this.env).done;
  }

  /**
   * Starts an operation without waiting for it, e.g. to kill it half-way. Its program always runs in a process of its
   * own: here, what is left of a run whose engine is gone would disturb the next.
   */
  start(verb: Verb, args: readonly string[] = []): RunningOperation {
    return this.#begin(verb, args, this.env);
  }

  #begin(verb: Verb, args: readonly string[], env: NodeJS.ProcessEnv): RunningOperation {
    this.#operations += 1;
    const eventLog = join(this.scratch, `events-${this.#operations}.log`);
    const startedAt = performance.now();
    const child = this.#spawn(
      [
        verb,
        ...["--stack", this.stack, "--config-file", this.#configFile, "--event-log", eventLog],
        ...(this.#options.show ? [] : ["--suppress-progress"]),
        ...VERB_ARGUMENTS[verb],
        ...args,
      ],
      this.programDirectory,
      this.#options.show === true,
      env,
    );
    const done = child.done.then((result) => {
      const seconds = (performance.now() - startedAt) / 1_000;
      return { ...result, ...readEngineLog(eventLog), seconds };
    });
    return {
      pid: child.pid,
      kill: child.kill,
      done,
      get output() {
        return child.output;
      },
      waitForOutput: (pattern, timeoutMs = 30_000) => waitForOutput(child, pattern, timeoutMs),
    };
  }

  /**
   * Runs any other command of the CLI, such as `["cancel", "--yes"]` or `["stack", "output"]`, on this
   * stack. Not for a {@link Verb}, which needs this workspace's config file: see {@link perform}.
   */
  run(args: readonly string[]): Promise<ChildResult> {
    // Never shown: some of these print secrets in plain text.
    return this.#spawn([...args, "--stack", this.stack], this.scratch, false).done;
  }

  /** Sets stack config in one call of the CLI. */
  async setConfig(config: Record<string, ConfigValue>): Promise<void> {
    const pairs = Object.entries(config).flatMap(([key, { value, secret }]) => [
      secret ? "--secret" : "--plaintext",
      `${key}=${value}`,
    ]);
    if (pairs.length > 0) await ok(this.run(["config", "set-all", ...pairs]));
  }

  /** Replaces the program's text for the next operation; only for a program given as text. */
  setSource(source: string): void {
    const { program } = this.#options;
    if (typeof program === "string") throw new Error("This program is a folder of its own.");
    writeFileSync(join(this.programDirectory, entryOf(program)), source);
  }

  /** The state, secrets in plain text if asked for; else as the engine has written it last, without a call of the CLI. */
  async exportState(options: { showSecrets?: boolean } = {}): Promise<StackState> {
    if (!options.showSecrets) return readState(this.#stateFolder, this.stack);
    const { stdout } = await ok(this.run(["stack", "export", "--show-secrets"]));
    return JSON.parse(stdout) as StackState;
  }

  /** Puts a state in place of the present one, e.g. one written by an older release. */
  async importState(state: StackState): Promise<void> {
    const file = join(this.scratch, "import.json");
    writeFileSync(file, JSON.stringify(state));
    await ok(this.run(["stack", "import", "--file", file]));
  }

  /** The program's outputs, secrets in plain text. */
  async outputs(): Promise<Record<string, unknown>> {
    const { stdout } = await ok(this.run(["stack", "output", "--json", "--show-secrets"]));
    return JSON.parse(stdout) as Record<string, unknown>;
  }

  /** Processes started by this workspace that still run: CLI, language host, program, provider. */
  processes(): ProcessInfo[] {
    return processesWith(MARK, this.scratch);
  }

  /** Ends Pulumi's provider processes without a chance to say anything. */
  killProviders(): void {
    for (const { pid } of this.#providers()) endProcess(pid);
  }

  /** Resolves once no provider process is left, or when the time is up, in milliseconds; default: never. */
  async providersEnd(withinMs = Number.POSITIVE_INFINITY): Promise<void> {
    const deadline = Date.now() + withinMs;
    while (this.#providers().length > 0 && Date.now() < deadline) {
      await new Promise((wake) => setTimeout(wake, 50));
    }
  }

  /** Ends whatever this workspace started and removes its folders; not the resources that it created. */
  async dispose(): Promise<void> {
    for (let round = 0; round < 20; round += 1) {
      const left = this.processes();
      if (left.length === 0) break;
      for (const { pid } of left) endProcess(pid);
      await new Promise((wake) => setTimeout(wake, 50));
    }
    this.removeFolders();
  }

  /** The part of `dispose()` that works while this process is ending. */
  removeFolders(): void {
    undisposed.delete(this);
    this.#inlineHost?.stop();
    this.#secretsProvider?.stop();
    const folders = [this.scratch];
    if (typeof this.#options.program !== "string") folders.push(this.programDirectory);
    for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }

  async #prepare(): Promise<void> {
    const { program, config = {} } = this.#options;
    if (typeof program !== "string") writeProgram(this.programDirectory, program);
    await this.#inlineHost?.start();
    Object.assign(this.env, await this.#secretsProvider?.start());
    // `stack init` and `config` write beside the Pulumi.yaml that they see. They see a copy here, so
    // that the program's folder stays as it is.
    const project = readFileSync(join(this.programDirectory, "Pulumi.yaml"), "utf8");
    mkdirSync(this.#stateFolder);
    writeFileSync(join(this.scratch, "Pulumi.yaml"), project);
    const options = this.#secretsProvider === undefined ? [] : [this.#secretsProvider.option];
    const kind = JSON.stringify([project, this.stack, ...options]);
    const files = newStacks.get(kind);
    if (files === undefined) {
      await ok(this.run(["stack", "init", "--no-select", ...options]));
      newStacks.set(kind, [...filesIn(this.scratch, this.#stateFolder, this.#configFile)]);
    } else {
      for (const [path, text] of files) writeFile(join(this.scratch, path), text);
    }
    await this.setConfig(config);
  }

  /** How the CLI finds what runs the program of this operation. */
  #languageHost(verb: Verb): string[] {
    if (this.#inlineHost === undefined || !RUNS_PROGRAM.has(verb)) return [];
    this.#inlineHost.load(this.programDirectory, this.env);
    return [`--client=${this.#inlineHost.address}`];
  }

  #spawn(
    args: readonly string[],
    cwd: string,
    show: boolean,
    env: NodeJS.ProcessEnv = this.env,
  ): RunningChild {
    return startChild(
      this.#cli.binary,
      ["--non-interactive", "--color", show && process.stdout.isTTY ? "always" : "never", ...args],
      {
        cwd,
        env,
        ...(show
          ? {
              shareTerminal: true,
              onOutput: (text: string, stream: "stdout" | "stderr") => process[stream].write(text),
            }
          : { timeoutMs: this.#options.operationTimeoutMs ?? OPERATION_TIMEOUT_MS }),
      },
    );
  }

  #providers(): ProcessInfo[] {
    return this.processes().filter(({ command }) => PROVIDER.test(command));
  }

  #environment(): NodeJS.ProcessEnv {
    const inherited = Object.entries(process.env).filter(
      ([name]) => !name.startsWith("PULUMI_") && !name.startsWith("FLEXPRICE_"),
    );
    // npm puts its folders of commands on the PATH, and one of them has the plugin. No user's shell has them.
    const path = (process.env["PATH"] ?? "").split(delimiter);
    const PATH = path.filter((folder) => !/node_modules[\\/]\.bin$/.test(folder)).join(delimiter);
    return {
      ...Object.fromEntries(inherited),
      // Programs and providers run under the same Node as the caller.
      PATH: [this.#cli.directory, dirname(process.execPath), PATH].join(delimiter),
      [MARK]: this.scratch,
      PULUMI_HOME: join(this.scratch, "home"),
      PULUMI_BACKEND_URL: pathToFileURL(this.#stateFolder).href,
      PULUMI_CONFIG_PASSPHRASE: "a scratch stack needs no real passphrase",
      PULUMI_SKIP_UPDATE_CHECK: "true",
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
      PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS: "true",
      // Shows the --event-log option.
      PULUMI_DEBUG_COMMANDS: "true",
      NODE_OPTIONS: `--require ${JSON.stringify(LAZY_TYPESCRIPT)}`,
      PULUMI_NODEJS_TRANSPILE_ONLY: this.#options.typeCheck ? undefined : "true",
      // Short runs of a big program: collecting garbage less often saves a tenth of the CLI's time.
      GOGC: "400",
      // Halves the time that Node 22 and later need to load the SDK; Node 20 ignores it.
      NODE_COMPILE_CACHE: join(CHECKOUT, ".scratch", "compile-cache"),
      ...this.#options.env,
    };
  }
}

/** The result of a run that must succeed; else an error that holds everything it printed. */
export async function ok<T extends ChildResult>(running: Promise<T>): Promise<T> {
  const result = await running;
  if (result.exitCode === 0) return result;
  const ending = result.timedOut ? "was killed because it took too long" : "failed";
  throw new Error(`pulumi ${ending} (exit status ${result.exitCode}):\n${result.output}`);
}

function entryOf(program: ProgramSource): string {
  return program.language === "javascript" ? "index.js" : "index.ts";
}

function writeProgram(directory: string, program: ProgramSource): void {
  const project = program.project ?? "test";
  const options = { typescript: program.language !== "javascript", ...program.runtimeOptions };
  const files: Record<string, string> = {
    // JSON is YAML.
    "Pulumi.yaml": JSON.stringify({
      name: project,
      runtime: { name: "nodejs", options },
      plugins: program.plugins,
    }),
    // Without one, the SDK would take the checkout's own package.json, and its `exports` as program.
    "package.json": JSON.stringify({ name: project, private: true }),
    [entryOf(program)]: program.source,
    ...program.files,
  };
  for (const [path, text] of Object.entries(files)) {
    writeFile(join(directory, path), text);
  }
}

/** A text that names its interpreter can be executed. */
function writeFile(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text, { mode: text.startsWith("#!") ? 0o755 : 0o644 });
}

/** Paths below a root and texts of these files, and of all that lie in these folders. */
function* filesIn(root: string, ...paths: readonly string[]): Generator<[string, string]> {
  for (const path of paths) {
    if (!statSync(path).isDirectory()) yield [relative(root, path), readFileSync(path, "utf8")];
    else yield* filesIn(root, ...readdirSync(path).map((name) => join(path, name)));
  }
}

/** The file backend keeps a file for each stack in a folder for each project. */
function readState(stateFolder: string, stack: string): StackState {
  const projects = join(stateFolder, ".pulumi", "stacks");
  const [file = ""] = readdirSync(projects)
    .map((project) => join(projects, project, `${stack}.json`))
    .filter((path) => existsSync(path));
  const { version, checkpoint }: Checkpoint = JSON.parse(readFileSync(file, "utf8"));
  return { version, deployment: checkpoint.latest ?? EMPTY_DEPLOYMENT };
}

async function waitForOutput(
  child: RunningChild,
  pattern: RegExp,
  timeoutMs: number,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  let ended = false;
  void child.done.then(() => {
    ended = true;
  });
  while (!pattern.test(child.output)) {
    if (ended) throw new Error(`pulumi ended without printing ${pattern}:\n${child.output}`);
    if (Date.now() > deadline) {
      throw new Error(`pulumi did not print ${pattern} in ${timeoutMs} ms:\n${child.output}`);
    }
    await new Promise((wake) => setTimeout(wake, 20));
  }
}

/** Ends a process that may be ending by itself. */
export function endProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself meanwhile.
  }
}

process.on("exit", () => {
  for (const workspace of undisposed) {
    for (const { pid } of workspace.processes()) endProcess(pid);
    workspace.removeFolders();
  }
});
