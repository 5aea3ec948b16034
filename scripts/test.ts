import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
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

interface Suite {
  name: string;
  /** Runs the engine, so it needs a Pulumi CLI. */
  engine?: true;
  /** Fails where too little of provider/ is run, see .c8rc.json. */
  measured?: true;
  mocha: readonly string[];
}

const STATIC_STEPS: readonly StaticStep[] = [
  { name: "biome", command: ["biome", "check", "--error-on-warnings"] },
  { name: "types", command: ["tsc", "-p", "tsconfig.json"] },
  { name: "build", command: ["npm", "run", "build"] },
  { name: "knip", command: ["knip"] },
  { name: "publint", command: ["publint", "--strict"] },
  { name: "typedoc", command: ["typedoc", "--emit", "none"] },
  { name: "attw", command: ["attw", "--pack", "."] },
];

/** Engine tests spend their time starting processes, one after the other: two at once fit two cores. */
const ENGINE_JOBS = String(Math.min(2, availableParallelism()));

const ENGINE_MOCHA = ["--timeout", "180000", "--parallel", "--jobs", ENGINE_JOBS];

const SUITES: readonly Suite[] = [
  { name: "unit", measured: true, mocha: [] },
  { name: "contract", mocha: ["--timeout", "30000"] },
  { name: "engine", engine: true, mocha: ENGINE_MOCHA },
  { name: "package", engine: true, mocha: ENGINE_MOCHA },
  { name: "docs", engine: true, mocha: ENGINE_MOCHA },
  { name: "chaos", engine: true, mocha: ["--timeout", "300000"] },
];

interface Report extends Counts {
  /** A text for each test that failed. */
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
  const known = [...STATIC_STEPS, ...SUITES].map(({ name }) => name);
  for (const name of names) {
    if (!known.includes(name)) fail(`there is no step "${name}"; there are: ${known.join(", ")}`);
  }
  const wanted = ({ name }: { name: string }) => names.length === 0 || names.includes(name);

  for (const step of STATIC_STEPS.filter(wanted)) {
    heading(step.name);
    const exitCode = await run(step.command);
    if (exitCode !== 0) fail(`${step.name}: exit status ${exitCode}`);
  }
  const suites = SUITES.filter(wanted).filter(
    (suite) => names.includes(suite.name) || testFiles(suite).length > 0,
  );
  const cliProblem = suites.some(({ engine }) => engine) ? await getPulumi() : undefined;
  for (const suite of suites) {
    heading(suite.name);
    if (suite.engine && cliProblem !== undefined) fail(`${suite.name}: ${cliProblem}`);
    else await runSuite(suite, mochaOptions);
  }
}

/** Says why there is no CLI, so that the suites which need none still run. */
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

async function runSuite(suite: Suite, mochaOptions: readonly string[]): Promise<void> {
  const files = testFiles(suite);
  if (files.length === 0) {
    fail(`${suite.name}: no test files in test/${suite.name}`);
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), "pulumi-flexprice-counts-"));
  const countsFile = join(folder, "counts.json");
  const runner: [string, ...string[]] = suite.measured ? ["c8", "mocha"] : ["mocha"];
  const exitCode = await run([
    ...runner,
    ...suite.mocha,
    ...["--reporter", "test/support/reporter.cjs", "--reporter-option", `counts=${countsFile}`],
    ...mochaOptions,
    ...files,
  ]);
  const counts = readCounts(countsFile);
  rmSync(folder, { recursive: true, force: true });

  if (counts === undefined) {
    fail(`${suite.name}: mocha ended before it could report (exit status ${exitCode})`);
    return;
  }
  total.passed += counts.passed;
  total.failed += counts.failed;
  total.skipped += counts.skipped;
  if (counts.failed > 0) problems.push(...counts.why.map((why) => `${suite.name}: ${why}`));
  else if (exitCode !== 0) fail(`${suite.name}: mocha exited with status ${exitCode}`);
  else if (counts.passed === 0) fail(`${suite.name}: no test ran`);
}

function testFiles(suite: Suite): string[] {
  const folder = join("test", suite.name);
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

/** Runs a command of this checkout or of its dependencies, its output shown as it comes. */
function run([command = "", ...args]: readonly string[]): Promise<number> {
  const { PATH = "" } = process.env;
  const bin = join(CHECKOUT, "node_modules", ".bin");
  const child = spawn(command, args, {
    cwd: CHECKOUT,
    stdio: "inherit",
    shell: process.platform === "win32",
    env: { ...process.env, PATH: `${bin}${delimiter}${PATH}` },
  });
  return new Promise((settle) => {
    child.once("error", (error) => {
      process.stderr.write(`${command}: ${error.message}\n`);
      settle(127);
    });
    child.once("exit", (code, signal) => settle(code ?? (signal ? 128 : 1)));
  });
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
      // Again, behind everything: whoever reads the end of a long log sees what failed.
      const texts = problems.map((text) => `\n${text.replaceAll(/^/gm, "  ")}\n`);
      process.stdout.write(`\nFailed:\n${texts.join("")}`);
    }
    const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : "";
    process.stdout.write(`\n${total.passed} passed, ${total.failed} failed${skipped}\n`);
    process.exitCode = total.failed > 0 ? 1 : 0;
  });
