import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { text } from "node:stream/consumers";
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import { runChild } from "../../scripts/child";
import { ensurePulumi } from "../../scripts/pulumi-cli";
import { manifestsOf } from "./operator-manifests";
import { CHECKOUT, readPage } from "./page";

const PAGE = "docs/deployments.md";
const EXAMPLE = "examples/kubernetes-operator";
const STACK = readFileSync(join(CHECKOUT, EXAMPLE, "stack.yaml"), "utf8");

interface Sent {
  readonly request: string;
  readonly body: unknown;
}

/** A Pulumi Cloud with one stack, `acme/billing/production`, that accepts settings and schedules. */
async function startPulumiCloud(): Promise<{ url: string; sent: Sent[]; stop(): void }> {
  const stack = "/api/stacks/acme/billing/production";
  const responses: Readonly<Record<string, unknown>> = {
    "GET /api/user": { githubLogin: "jo", organizations: [{ githubLogin: "acme" }] },
    [`GET ${stack}`]: { orgName: "acme", projectName: "billing", stackName: "production" },
    [`POST ${stack}/deployments/settings/encrypt`]: { ciphertext: "b2Zm" },
  };
  const sent: Sent[] = [];
  const server = createServer(async (request, response) => {
    const name = `${request.method} ${String(request.url).replace(/\?.*/, "")}`;
    const body = await text(request);
    if (request.method !== "GET") sent.push({ request: name, body: JSON.parse(body) });
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(responses[name] ?? {}));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sent,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

describe("the commands for Pulumi Deployments", () => {
  it("send the credential encrypted, and schedule a daily up and drift check", async () => {
    const [block] = readPage(PAGE).blocks;
    assert.equal(block?.language, "sh");
    const cloud = await startPulumiCloud();
    const folder = mkdtempSync(join(tmpdir(), "pulumi-flexprice-"));
    try {
      writeFileSync(join(folder, "Pulumi.yaml"), "name: billing\nruntime: nodejs\n");
      const { directory } = await ensurePulumi();
      const { exitCode, output } = await runChild("sh", ["-ec", block.text], {
        cwd: folder,
        env: {
          PATH: [directory, process.env["PATH"]].join(delimiter),
          PULUMI_HOME: folder,
          PULUMI_BACKEND_URL: cloud.url,
          PULUMI_ACCESS_TOKEN: "pul-of-this-test",
          PULUMI_SKIP_UPDATE_CHECK: "true",
          NO_PROXY: "127.0.0.1",
          FLEXPRICE_API_KEY: "sk_of_the_operator",
        },
      });
      assert.equal(exitCode, 0, output);
      assert.ok(!output.includes("sk_of_the_operator"), output);
    } finally {
      cloud.stop();
      rmSync(folder, { recursive: true });
    }
    const deployments = "POST /api/stacks/acme/billing/production/deployments";
    assert.deepEqual(cloud.sent, [
      { request: `${deployments}/settings/encrypt`, body: "sk_of_the_operator" },
      {
        request: `${deployments}/settings`,
        body: {
          gitHub: { repository: "acme/billing", deployCommits: true, previewPullRequests: true },
          sourceContext: { git: { branch: "main" } },
          operationContext: {
            environmentVariables: { FLEXPRICE_API_KEY: { ciphertext: "b2Zm" } },
          },
        },
      },
      {
        request: `${deployments}/schedules`,
        body: {
          scheduleCron: "17 4 * * *",
          request: { operation: "update", inheritSettings: true },
        },
      },
      {
        request: `${deployments}/drift/schedules`,
        body: { scheduleCron: "47 5 * * *", autoRemediate: false },
      },
    ]);
  });
});

describe("the manifests for the Pulumi Kubernetes Operator", () => {
  const manifests = manifestsOf(STACK);
  const { spec } = manifests.stack;
  const pod = spec.workspaceTemplate.spec.podTemplate.spec;
  const home = spec.envRefs["PULUMI_HOME"]?.literal?.value;

  it("have only fields of the operator's schema", () => {
    for (const [right, wrong] of [
      ["resyncFrequencySeconds", "resyncFrequency"],
      ["refresh: true", 'refresh: "true"'],
      ["type: Secret", "type: secret"],
      ["workspaceReclaimPolicy: Delete", "workspaceReclaimPolicy: delete"],
      ["securityProfile: restricted", "securityProfile: strict"],
      ["mountPath", "path"],
      ["claimName", "name"],
      ["  stack: acme/production\n", ""],
      ["kind: PersistentVolumeClaim", "kind: Volume"],
    ] as const) {
      const changed = STACK.replace(right, wrong);
      assert.notEqual(changed, STACK, right);
      assert.throws(() => manifestsOf(changed), z.ZodError, wrong);
    }
  });

  it("keep the notes about creates on the volume, but not the token", () => {
    assert.ok(home !== undefined);
    const [container] = pod.containers;
    // Under this name, the operator merges the entry with its own container.
    assert.equal(container.name, "pulumi");
    const [mount] = container.volumeMounts;
    const [volume] = pod.volumes;
    assert.deepEqual([mount.mountPath, mount.name], [home, volume.name]);
    assert.equal(volume.persistentVolumeClaim.claimName, manifests.claim.metadata.name);
    const token = spec.envRefs["PULUMI_CREDENTIALS_PATH"]?.literal?.value;
    assert.ok(token !== undefined && !token.startsWith(home), token);
  });

  it("read their credentials from the Secret that the README creates", () => {
    const readme = readFileSync(join(CHECKOUT, EXAMPLE, "README.md"), "utf8");
    const secrets = Object.entries(spec.envRefs).filter(([, { type }]) => type === "Secret");
    assert.equal(secrets.length, 2);
    for (const [variable, { secret }] of secrets) {
      assert.equal(secret?.key, variable);
      assert.match(readme, new RegExp(`create secret generic ${secret?.name} --namespace billing`));
      assert.ok(readme.includes(`--from-literal=${variable}="$${variable}"`));
    }
    assert.match(readme, new RegExp(`annotate stack/${manifests.stack.metadata.name} `));
  });

  it("run up every hour, and keep the resources if the Stack object is deleted", () => {
    const { resyncFrequencySeconds, continueResyncOnCommitMatch, refresh } = spec;
    assert.deepEqual(
      [resyncFrequencySeconds, continueResyncOnCommitMatch, refresh, spec.destroyOnFinalize],
      [3_600, true, true, false],
    );
  });

  it("allow the pod to check who calls it", () => {
    const { account, binding, stack } = manifests;
    assert.equal(stack.spec.serviceAccountName, account.metadata.name);
    assert.deepEqual(binding.subjects, [{ kind: "ServiceAccount", ...account.metadata }]);
  });

  it("are in one namespace", () => {
    const namespaces = parseAllDocuments(STACK).map((document) =>
      document.getIn(["metadata", "namespace"]),
    );
    // A binding for the cluster has none.
    assert.deepEqual(namespaces, ["billing", undefined, "billing", "billing"]);
  });
});
