/** `npm run benchmark`: compares this package with a provider that does nothing and a naive one. */
import { writeFileSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { version as sdk } from "@pulumi/pulumi/version";
import { runChild } from "../scripts/child";
import { ensurePulumi } from "../scripts/pulumi-cli";
import { chart } from "./chart";
import {
  type Conditions,
  type Measurement,
  OPERATIONS,
  type Operation,
  PROVIDERS,
  type Provider,
  ProviderUnderTest,
} from "./provider-under-test";
import { heading, table } from "./report";
import { type Results, type Round, type Row, rowOf } from "./rows";

const SIZES = "10x3,100x3,1000x3";
const LARGE = "5000x1";

const USAGE = `npm run benchmark -- [options]
  --sizes LIST          how many accounts, and as many keys; default: ${SIZES}, where 10x3 is 10 in three rounds
  --large               5,000 as well, in one round
  --checkpoints         the engine writes the state after each step, as it does by default
  --latency MS          how much later each answer of the server comes; default: 0
  --parallel N          passed on to the engine
  --nodeargs ARGS       passed on to the Node that runs the program, as from Pulumi.yaml
  --env NAME=VALUE      a variable for the engine and its processes; may be given several times
  --providers LIST      default: ${PROVIDERS.join(",")}
  --out PATH            writes PATH.json and PATH.svg; default: benchmark/results`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      sizes: { type: "string", default: SIZES },
      large: { type: "boolean", default: false },
      checkpoints: { type: "boolean", default: false },
      latency: { type: "string" },
      parallel: { type: "string" },
      nodeargs: { type: "string" },
      env: { type: "string", multiple: true },
      providers: { type: "string", default: PROVIDERS.join(",") },
      out: { type: "string", default: join(__dirname, "results") },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const { checkpoints, nodeargs } = values;
  const latencyMs = optionalCount(values.latency);
  const parallel = optionalCount(values.parallel);
  const env = values.env && Object.fromEntries(values.env.map(variable));
  const conditions = { checkpoints, latencyMs, parallel, nodeargs, env };
  const where = { machine: await machine(), conditions };
  const providers = values.providers.split(",").map(providerOf);
  console.log(heading(where));

  const rows: Row[] = [];
  const sizes = values.sizes.split(",").concat(values.large ? LARGE : []);
  for (const [size, times] of sizes.map(sizeAndRounds)) {
    const rounds: Record<Operation, Round>[] = [];
    for (let round = 0; round < times; round++) {
      rounds.push(await life(size, rotated(providers, round), conditions));
    }
    for (const operation of OPERATIONS) {
      const heats = rounds.map((round) => round[operation]);
      rows.push(...providers.map((provider) => rowOf(size, operation, provider, heats)));
    }
    console.log(table(size, rows));
  }
  const results: Results = { ...where, rows };
  writeFileSync(`${values.out}.json`, `${JSON.stringify(results, undefined, 2)}\n`);
  writeFileSync(`${values.out}.svg`, chart(results));
}

/** The whole life of a stack by each provider. They take turns, so that a slow minute affects all. */
async function life(
  size: number,
  providers: readonly Provider[],
  conditions: Conditions,
): Promise<Record<Operation, Round>> {
  const providersUnderTest: ProviderUnderTest[] = [];
  try {
    for (const provider of providers) {
      providersUnderTest.push(await ProviderUnderTest.open(provider, size, conditions));
    }
    const rounds: [Operation, Round][] = [];
    for (const operation of OPERATIONS)
      rounds.push([operation, await measureRound(operation, providersUnderTest)]);
    return Object.fromEntries(rounds) as Record<Operation, Round>;
  } finally {
    for (const provider of providersUnderTest) await provider.close();
  }
}

async function measureRound(
  operation: Operation,
  providersUnderTest: readonly ProviderUnderTest[],
): Promise<Round> {
  const measured: [Provider, Measurement][] = [];
  for (const provider of providersUnderTest) {
    const measurement = await provider.measure(operation);
    process.stderr.write(
      `${operation}: ${provider.provider} ${measurement.seconds.toFixed(2)} s\n`,
    );
    measured.push([provider.provider, measurement]);
  }
  return Object.fromEntries(measured) as Round;
}

async function machine(): Promise<Results["machine"]> {
  const { binary } = await ensurePulumi();
  const { stdout } = await runChild(binary, ["version"]);
  return {
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.versions.node,
    pulumi: stdout.trim().replace(/^v/, ""),
    sdk,
  };
}

function count(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`"${text}" is not a number from 1 on.\n${USAGE}`);
  return Number(text);
}

function optionalCount(text: string | undefined): number | undefined {
  return text === undefined ? undefined : count(text);
}

function sizeAndRounds(text: string): [size: number, rounds: number] {
  const [size = "", rounds = "1"] = text.split("x");
  return [count(size), count(rounds)];
}

function variable(text: string): [name: string, value: string] {
  const [, name, value] = /^(\w+)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) {
    throw new Error(`"${text}" is not NAME=VALUE.\n${USAGE}`);
  }
  return [name, value];
}

function providerOf(name: string): Provider {
  const provider = PROVIDERS.find((known) => known === name);
  if (provider === undefined) throw new Error(`There is no provider "${name}".\n${USAGE}`);
  return provider;
}

function rotated<Item>(items: readonly Item[], by: number): Item[] {
  const from = by % items.length;
  return [...items.slice(from), ...items.slice(0, from)];
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
