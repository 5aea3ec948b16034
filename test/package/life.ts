import assert from "node:assert/strict";
import { delimiter } from "node:path";
import type { ProgramSource } from "../../scripts/workspace";
import {
  accountWithKey,
  Bench,
  CHANGES_SEEN,
  changes,
  failed,
  messages,
  succeeded,
} from "../engine/fixture";
import { nodeFolder } from "./tools";

const CREATED = ["create ServiceAccount ci", "create ApiKey ci"];

/** Tells which SDK and which Node the provider process has. */
export const PROVIDER_PROCESS = `
import * as pulumi from "@pulumi/pulumi";
class ProviderProcess extends pulumi.CustomResource {
  declare readonly sdk: pulumi.Output<string>;
  declare readonly node: pulumi.Output<string>;
  constructor() {
    super("pulumi-nodejs:dynamic:Resource", "process", {
      sdk: undefined,
      node: undefined,
      __provider: 'exports.handler = () => ({ create: async () => ({ id: "process", outs: { sdk: require("@pulumi/pulumi/package.json").version, node: process.versions.node } }) })',
    });
  }
}
const provider = new ProviderProcess();
export const providerSdk = provider.sdk;
export const providerNode = provider.node;
`;

/** A stack of this program under this Node. */
async function openUnder(
  node: number,
  { source, ...program }: ProgramSource,
  env: Record<string, undefined> = {},
): Promise<Bench> {
  const { PATH = "" } = process.env;
  return await Bench.open(source, {
    program,
    env: { PATH: [await nodeFolder(node), PATH].join(delimiter), ...env },
  });
}

/** From the first preview to nothing left, with a server that is away and a drift in between. */
export async function wholeLife(
  node: number,
  sdk: string,
  program: Omit<ProgramSource, "source">,
): Promise<void> {
  const source = accountWithKey({ more: PROVIDER_PROCESS });
  const bench = await openUnder(node, { ...program, source });
  try {
    assert.deepEqual(changes(succeeded(await bench.preview())), CREATED);
    assert.deepEqual(bench.takeWrites(), []);

    assert.deepEqual(changes(succeeded(await bench.up())), CREATED);
    const { apiKey, accountId, providerSdk, providerNode } = await bench.outputs();
    assert.equal(apiKey, bench.keys().at(0)?.value);
    assert.equal(providerSdk, sdk);
    assert.equal(providerNode?.split(".")[0], String(node));

    bench.emulator.renameAccount(String(accountId), "in the dashboard");
    const drift = failed(await bench.drift());
    assert.equal(drift.exitCode, CHANGES_SEEN, drift.output);
    assert.match(drift.output, /it is called "in the dashboard", and its own name is "ci-\w{10}"/);

    bench.workspace.env["FLEXPRICE_BASE_URL"] = "http://127.0.0.1:9/v1";
    const alone = succeeded(await bench.preview());
    assert.match(messages(alone, "warning").join("\n"), /^Flexprice could not be asked/);
    bench.workspace.env["FLEXPRICE_BASE_URL"] = bench.emulator.url;

    succeeded(await bench.destroy());
    assert.deepEqual([bench.accounts(), bench.keys()], [[], []]);
  } finally {
    await bench.close();
  }
}

/** A program runs under this Node and gets its key; its types are checked, as Pulumi does by default. */
export async function comesUp(node: number, program: ProgramSource): Promise<void> {
  const bench = await openUnder(node, program, { PULUMI_NODEJS_TRANSPILE_ONLY: undefined });
  try {
    assert.deepEqual(changes(succeeded(await bench.up())), CREATED);
    const { apiKey, programNode } = await bench.outputs();
    assert.equal(apiKey, bench.keys().at(0)?.value);
    assert.equal(programNode?.split(".")[0], String(node));
  } finally {
    await bench.close();
  }
}
