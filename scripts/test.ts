import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { runChild } from "./child";
import { ensurePulumi } from "./pulumi-cli";

const CHECKOUT = resolve(__dirname, "..");

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

interface StaticStep {
  name: string;
  command: readonly [string, ...string[]];
}

/** Suites that one run of mocha takes together. */
interface SuiteGroup {
  suites: readonly string[];
  /** Needs a Pulumi CLI. */
  engine?: true;
  /** Fails if the coverage of provider/ is too low, see .c8rc.json. */
  measured?: true;
  /** Options of mocha. */
  mocha: readonly string[];
}

/** The package, docs and engine suites read `dist`, and so do some steps. */
const BUILD: StaticStep = { name: "build", command: ["npm", "run", "build"] };

const STATIC_STEPS: readonly StaticStep[] = [
  { name: "lint", command: ["npm", "run", "lint"] },
  { name: "types", command: ["npm", "run", "typecheck"] },
  { name: "knip", command: ["knip"] },
  { name: "publint", command: ["publint", "--strict"] },
  { name: "typedoc", command: ["typedoc", "--emit", "none"] },
  { name: "attw", command: ["attw", "--pack", "."] },
];

/** Engine operations spend time waiting, so run one job more than there are cores. Two more were slower. */
const ENGINE_JOBS = String(Math.min(3, availableParallelism() + 1));

const SUITE_GROUPS: readonly SuiteGroup[] = [
  { suites: ["unit"], measured: true, mocha: [] },
  { suites: ["contract"], mocha: ["--timeout", "30000"] },
  { suites: ["chaos"], mocha: ["--timeout", "300000"] },
  {
    // The longest files first, so that no worker is left with one at the end.
    suites: ["package", "docs", "engine"],
    engine: true,
    // A scenario takes many operations, and a hanging operation is killed after three minutes.
    mocha: ["--timeout", "600000", "--parallel", "--jobs", ENGINE_JOBS],
  },
];

interface Report extends Counts {
  /** One text per failed test. */
  why: string[];
}

const total: Counts = { passed: 0, failed: 0, skipped: 0 };
const problems: string[] = [];

function fail(what: string): void {
  total.failed += 1;
  problems.push(what);
}

/** Arguments: names of steps and suites to run (default: all), then options that mocha understands. */
async function main(args: readonly string[]): Promise<void> {
  const firstOption = args.findIndex((arg) => arg.startsWith("-"));
  const names = firstOption === -1 ? args : args.slice(0, firstOption);
  const mochaOptions = firstOption === -1 ? [] : args.slice(firstOption);
  const known = [
    ...[BUILD, ...STATIC_STEPS].map(({ name }) => name),
    ...SUITE_GROUPS.flatMap(({ suites }) => suites),
  ];
  for (const name of names) {
    if (!known.includes(name)) fail(`there is no step "${name}"; there are: ${known.join(", ")}`);
  }
  const isWanted = (name: string) => names.length === 0 || names.includes(name);
  const wantedSteps = (steps: readonly StaticStep[]) => steps.filter(({ name }) => isWanted(name));
  const groups = SUITE_GROUPS.map((group) => ({
    ...group,
    suites: group.suites.filter(isWanted),
  })).filter(({ suites }) => suites.length > 0);

  // Otherwise these suites would test what was built before.
  const needsBuild = groups.some(({ engine }) => engine);
  await runSteps(needsBuild ? [BUILD] : wantedSteps([BUILD]));
  const staticChecks = runSteps(wantedSteps(STATIC_STEPS));
  for (const group of groups) {
    // The engine uses all cores; other suites one.
    if (group.engine) await staticChecks;
    const cliProblem = group.engine ? await getPulumi() : undefined;
    if (cliProblem === undefined) await runGroup(group, mochaOptions);
    else for (const name of group.suites) fail(`${name}: ${cliProblem}`);
  }
  await staticChecks;
}

/** What a step prints comes in one piece: a suite may run beside it. */
async function runStep({ name, command }: StaticStep): Promise<void> {
  const [program, ...args] = command;
  // Packing would build again, while a suite reads what was built.
  const env = { ...environment(), npm_config_ignore_scripts: "true" };
  const { exitCode, output } = await runChild(program, args, { cwd: CHECKOUT, env });
  heading(name);
  process.stdout.write(output);
  if (exitCode !== 0) fail(`${name}: exit status ${exitCode}`);
}

async function runSteps(steps: readonly StaticStep[]): Promise<void> {
  for (const step of steps) await runStep(step);
}

/** Returns why there is no CLI, so that suites without it still run. */
async function getPulumi(): Promise<string | undefined> {
  heading("Pulumi CLI");
  try {
    const { binary, origin } = await ensurePulumi();
    process.stdout.write(`${binary} (${origin})\n`);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function runGroup(
  { suites, measured, mocha }: SuiteGroup,
  mochaOptions: readonly string[],
): Promise<void> {
  const names = suites.join(", ");
  heading(names);
  for (const suite of suites.filter((name) => testFiles(name).length === 0)) {
    fail(`${suite}: no test files in test/${suite}`);
  }
  const folder = mkdtempSync(join(tmpdir(), "pulumi-flexprice-counts-"));
  const countsFile = join(folder, "counts.json");
  const exitCode = await run([
    ...(measured ? ["c8"] : []),
    "mocha",
    ...mocha,
    ...["--reporter", "test/support/reporter.cjs", "--reporter-option", `counts=${countsFile}`],
    ...mochaOptions,
    ...suites.flatMap(testFiles),
  ]);
  const counts = readCounts(countsFile);
  rmSync(folder, { recursive: true, force: true });

  if (counts === undefined) {
    fail(`${names}: mocha ended before it could report (exit status ${exitCode})`);
    return;
  }
  total.passed += counts.passed;
  total.failed += counts.failed;
  total.skipped += counts.skipped;
  if (counts.failed > 0) problems.push(...counts.why.map((why) => `${names}: ${why}`));
  else if (exitCode !== 0) fail(`${names}: mocha exited with status ${exitCode}`);
  else if (counts.passed === 0) fail(`${names}: no test ran`);
}

function testFiles(suite: string): string[] {
  const folder = join("test", suite);
  try {
    return readdirSync(join(CHECKOUT, folder), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".test.ts"))
      .sort()
      .map((file) => join(folder, file));
  } catch {
    return [];
  }
}

function readCounts(file: string): Report | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Report;
  } catch {
    return undefined;
  }
}

/** Runs a command of this checkout or its dependencies, and shows its output. */
function run([command = "", ...args]: readonly string[]): Promise<number> {
  const child = spawn(command, args, {
    cwd: CHECKOUT,
    stdio: "inherit",
    shell: process.platform === "win32",
    env: environment(),
  });
  return new Promise((settle) => {
    child.once("error", (error) => {
      process.stderr.write(`${command}: ${error.message}\n`);
      settle(127);
    });
    child.once("exit", (code, signal) => settle(code ?? (signal ? 128 : 1)));
  });
}

/** Commands of the dependencies come first. */
function environment(): NodeJS.ProcessEnv {
  const { PATH = "" } = process.env;
  const bin = join(CHECKOUT, "node_modules", ".bin");
  return { ...process.env, PATH: `${bin}${delimiter}${PATH}` };
}

function heading(name: string): void {
  process.stdout.write(`\n── ${name} ${"─".repeat(Math.max(0, 70 - name.length))}\n`);
}

main(process.argv.slice(2))
  .catch((error: unknown) =>
    fail(error instanceof Error ? (error.stack ?? error.message) : String(error)),
  )
  .finally(() => {
    if (problems.length > 0) {
      // Repeated at the end, where readers of a long log look for failures.
      const texts = problems.map((text) => `\n${text.replaceAll(/^/gm, "  ")}\n`);
      process.stdout.write(`\nFailed:\n${texts.join("")}`);
    }
    const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : "";
    process.stdout.write(`\n${total.passed} passed, ${total.failed} failed${skipped}\n`);
    process.exitCode = total.failed > 0 ? 1 : 0;
  });
