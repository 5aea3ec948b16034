import assert from "node:assert/strict";
import { delimiter } from "node:path";
import type { ProgramSource } from "../../scripts/workspace";
import {
  accountWithKey,
  CHANGES_SEEN,
  changes,
  EngineFixture,
  failed,
  messages,
  succeeded,
} from "../engine/fixture";
import { withFixture } from "../support/scenario";
import { nodeFolder } from "./tools";

const CREATED = ["create ServiceAccount ci", "create ApiKey ci"];

/** Shows the SDK and the Node of the provider process. */
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

/** A stack with this program on this Node. */
async function openUnder(
  node: number,
  { source, ...program }: ProgramSource,
  env: Record<string, undefined> = {},
): Promise<EngineFixture> {
  const { PATH = "" } = process.env;
  return await EngineFixture.open(source, {
    program,
    env: { PATH: [await nodeFolder(node), PATH].join(delimiter), ...env },
  });
}

/** From the first preview to an empty stack, with an unreachable server and a drift in between. */
export async function wholeLife(
  node: number,
  sdk: string,
  program: Omit<ProgramSource, "source">,
): Promise<void> {
  const source = accountWithKey({ more: PROVIDER_PROCESS });
  await withFixture(openUnder(node, { ...program, source }), async (fixture) => {
    assert.deepEqual(changes(succeeded(await fixture.preview())), CREATED);
    assert.deepEqual(fixture.takeWrites(), []);

    assert.deepEqual(changes(succeeded(await fixture.up())), CREATED);
    const { apiKey, accountId, providerSdk, providerNode } = await fixture.outputs();
    assert.equal(apiKey, fixture.keys().at(0)?.value);
    assert.equal(providerSdk, sdk);
    assert.equal(providerNode?.split(".")[0], String(node));

    fixture.emulator.renameAccount(String(accountId), "in the dashboard");
    const drift = failed(await fixture.drift());
    assert.equal(drift.exitCode, CHANGES_SEEN, drift.output);
    assert.match(drift.output, /it is called "in the dashboard", and its own name is "ci-\w{10}"/);

    fixture.workspace.env["FLEXPRICE_BASE_URL"] = "http://127.0.0.1:9/v1";
    const alone = succeeded(await fixture.preview());
    assert.match(messages(alone, "warning").join("\n"), /^Flexprice could not be queried/);
    fixture.workspace.env["FLEXPRICE_BASE_URL"] = fixture.emulator.url;

    succeeded(await fixture.destroy());
    assert.deepEqual([fixture.accounts(), fixture.keys()], [[], []]);
  });
}

/** Runs a program on this Node, which gets its key. Its types are checked, as Pulumi does by default. */
export async function comesUp(node: number, program: ProgramSource): Promise<void> {
  await withFixture(
    openUnder(node, program, { PULUMI_NODEJS_TRANSPILE_ONLY: undefined }),
    async (fixture) => {
      assert.deepEqual(changes(succeeded(await fixture.up())), CREATED);
      const { apiKey, programNode } = await fixture.outputs();
      assert.equal(apiKey, fixture.keys().at(0)?.value);
      assert.equal(programNode?.split(".")[0], String(node));
    },
  );
}
