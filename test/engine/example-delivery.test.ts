import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { OperationResult } from "../../scripts/workspace";
import { nightly, sample } from "../support/sample";
import { use } from "./consumer";
import { EngineFixture, failed, isOurs, succeeded } from "./fixture";

const EXAMPLE = join(__dirname, "..", "..", "examples", "delivery");

/**
 * Stands for a provider's SDK. A property of `replacedBy` replaces the resource, as an input that cannot change does.
 * Every resource has Kubernetes' `metadata.name`, made up where the program leaves it out.
 */
const STAND_IN = `
const { randomBytes } = require("node:crypto");
const pulumi = require("@pulumi/pulumi");
const provider = (type, replacedBy) => \`exports.handler = () => {
  const named = (inputs) => ({ ...inputs, metadata: { ...inputs.metadata, name: "made-up-" + Math.random() } });
  const { isDeepStrictEqual } = require("node:util");
  return {
    diff: async (id, { metadata: { name, ...metadata }, ...olds }, { __provider, ...news }) => {
      const before = { ...olds, metadata };
      const changed = Object.keys(news).filter((key) => !isDeepStrictEqual(news[key], before[key]));
      return { changes: changed.length > 0, replaces: changed.filter((key) => key === "\${replacedBy}") };
    },
    create: async (inputs) => ({ id: "stand-in", outs: named(inputs) }),
    update: async (id, { metadata }, inputs) => {
      if (process.env.STAND_IN_FAILS === "\${type}") throw new Error("the rollout failed");
      return { outs: { ...inputs, metadata: { ...inputs.metadata, name: metadata.name } } };
    },
  };
}\`;
exports.standIn = (type, replacedBy) => class extends pulumi.CustomResource {
  constructor(name, args, opts) {
    super("pulumi-nodejs:dynamic/stand-in:" + type, name, { metadata: {}, ...args, __provider: provider(type, replacedBy) }, opts);
  }
};`;

interface Target {
  readonly sdk: string;
  /** The exports of the stand-in. */
  readonly exports: string;
  /** The steps of a rotation, as \`operation type\`. */
  readonly rotation: readonly string[];
}

const TARGETS: Readonly<Record<string, Target>> = {
  kubernetes: {
    sdk: "@pulumi/kubernetes",
    exports: `{ core: { v1: { Secret: standIn("Secret", "stringData") } }, apps: { v1: { Deployment: standIn("Deployment") } } }`,
    rotation: [
      "create-replacement ApiKey",
      "replace ApiKey",
      "create-replacement Secret",
      "replace Secret",
      "update Deployment",
      "delete-replaced Secret",
      "delete-replaced ApiKey",
    ],
  },
  vault: {
    sdk: "@pulumi/vault",
    exports: `{ kv: { SecretV2: standIn("SecretV2") } }`,
    rotation: [
      "create-replacement ApiKey",
      "replace ApiKey",
      "update SecretV2",
      "delete-replaced ApiKey",
    ],
  },
  "github-actions": {
    sdk: "@pulumi/github",
    // The worst that a release of this provider does.
    exports: `{ ActionsSecret: standIn("ActionsSecret", "value") }`,
    rotation: [
      "create-replacement ApiKey",
      "replace ApiKey",
      "delete-replaced ActionsSecret",
      "replace ActionsSecret",
      "create-replacement ActionsSecret",
      "delete-replaced ApiKey",
    ],
  },
  "aws-secrets-manager": {
    sdk: "@pulumi/aws",
    exports: `{ secretsmanager: { Secret: standIn("Secret"), SecretVersion: standIn("SecretVersion", "secretString") } }`,
    rotation: [
      "create-replacement ApiKey",
      "replace ApiKey",
      "create-replacement SecretVersion",
      "replace SecretVersion",
      "delete-replaced SecretVersion",
      "delete-replaced ApiKey",
    ],
  },
};

/** The program with the stand-in for its provider. */
function open(name: string, { sdk, exports }: Target): Promise<EngineFixture> {
  return EngineFixture.open(readFileSync(join(EXAMPLE, name, "index.ts"), "utf8"), {
    ownProcess: true,
    program: {
      files: {
        [`node_modules/${sdk}/index.js`]: `${STAND_IN}\nconst { standIn } = exports;\nmodule.exports = ${exports};`,
      },
    },
  });
}

/** What changed, as `operation type`, in order. */
function stepsOf({ steps }: OperationResult): string[] {
  return steps
    .filter((step) => step.op !== "same" && (isOurs(step) || step.type.includes("stand-in")))
    .map(({ op, type }) => `${op} ${type.split(":").at(-1)}`);
}

for (const [name, target] of sample(Object.entries(TARGETS))) {
  describe(`the example delivery/${name}, with a stand-in for ${target.sdk}`, () => {
    let fixture: EngineFixture;
    beforeEach(async () => {
      fixture = await open(name, target);
      succeeded(await fixture.up());
    });
    // This also looks for the key in plain text in the states, which hold the inputs of the stand-ins.
    afterEach(() => fixture.close());

    it("delivers the new key before the old one expires, and both work for 14 days", async () => {
      const [first] = fixture.keys();
      assert.ok(first !== undefined);
      await assertDelivered(first.value);

      fixture.clock.advance("77d");
      assert.deepEqual(stepsOf(succeeded(await fixture.up())), target.rotation);
      const second = fixture.keys().find(({ id }) => id !== first.id);
      assert.ok(second !== undefined);
      await assertDelivered(second.value);
      const statuses = () => Promise.all([first, second].map(({ value }) => use(fixture, value)));
      assert.deepEqual(await statuses(), [200, 200]);
      fixture.clock.advance("14d");
      assert.deepEqual(await statuses(), [401, 200]);
    });

    if (name === "kubernetes") {
      nightly(
        "keeps the old key and its Secret if the rollout fails, and continues later",
        async () => {
          const [first] = fixture.keys();
          fixture.clock.advance("77d");
          fixture.workspace.env["STAND_IN_FAILS"] = "Deployment";
          failed(await fixture.up());
          assert.equal(await use(fixture, first?.value), 200);
          const { deployment } = await fixture.workspace.exportState();
          const secrets = deployment.resources?.filter(({ type }) => type.endsWith(":Secret"));
          assert.equal(secrets?.length, 2);

          delete fixture.workspace.env["STAND_IN_FAILS"];
          assert.deepEqual(stepsOf(succeeded(await fixture.up())), [
            "update Deployment",
            "delete-replaced Secret",
            "delete-replaced ApiKey",
          ]);
        },
      );
    }

    /** The stand-ins' state holds this key, and the state shows it to nobody without the passphrase. */
    async function assertDelivered(value: string): Promise<void> {
      const textOf = async (showSecrets: boolean) => {
        const { deployment } = await fixture.workspace.exportState({ showSecrets });
        const standIns = deployment.resources?.filter(({ type }) => type.includes("stand-in"));
        return JSON.stringify(standIns);
      };
      assert.ok((await textOf(true)).includes(value));
      assert.ok(!(await textOf(false)).includes(value));
    }
  });
}
