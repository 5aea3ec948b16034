import assert from "node:assert/strict";
import { join } from "node:path";
import { githubJob, readWorkflow, textOf } from "./ci-examples";
import type { System } from "./ci-repository";
import { describeJobs, describePlainOutput } from "./ci-suite";

const FILES = { preview: "preview.yml", up: "up.yml", drift: "drift.yml" } as const;

const MACHINE_STEPS = [
  "actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd",
  "actions/setup-node@2028fbc5c25fe9cf00d9f06a71cc4710d4507903",
  "pulumi/actions@v6",
];

const system: System = {
  job: (name, settings) => githubJob(FILES[name], settings),
  cached: ({ home }) => join(home, ".pulumi", "flexprice"),
  report: ({ home }) => join(home, "summary.md"),
};

describe("the GitHub workflows", () => {
  it("run on pull requests, on pushes to main, on a schedule, and by hand", () => {
    const triggers = Object.values(FILES).map((file) => readWorkflow(file).on);
    assert.deepEqual(triggers, [
      "pull_request",
      {
        push: { branches: ["main"] },
        schedule: [{ cron: "17 4 * * *" }],
        workflow_dispatch: null,
      },
      { schedule: [{ cron: "47 5 * * *" }], workflow_dispatch: null },
    ]);
  });

  it("can only read the repository", () => {
    for (const file of Object.values(FILES)) {
      assert.deepEqual(readWorkflow(file).permissions, { contents: "read" });
    }
  });

  it("run one up at a time, and never cancel it", () => {
    assert.deepEqual(readWorkflow(FILES.up).concurrency, {
      group: "flexprice-production",
      "cancel-in-progress": false,
    });
  });

  it("give secrets only to the steps of Pulumi, all of which are tested", () => {
    const actions = [...MACHINE_STEPS, "actions/cache/restore@v4", "actions/cache/save@v4"];
    for (const [name, skipped] of [
      ["preview", MACHINE_STEPS],
      ["up", actions],
      ["drift", MACHINE_STEPS],
    ] as const) {
      const job = githubJob(FILES[name], { FLEXPRICE_API_KEY: "sk_…" });
      assert.deepEqual(job.skipped, skipped);
      const [install, pulumi, ...others] = job.steps;
      assert.deepEqual(install, { script: "npm ci", env: { PULUMI_STACK: "production" } });
      assert.equal(pulumi?.env["FLEXPRICE_API_KEY"], "sk_…");
      assert.deepEqual(others, []);
      assert.equal(textOf(FILES[name]).match(/\brun: \S/g)?.length, job.steps.length);
    }
  });

  it("keep the notes about creates between machines, even if a run fails", () => {
    const caches = readWorkflow(FILES.up).jobs["up"]?.steps.flatMap((step) =>
      "uses" in step && step.uses.startsWith("actions/cache/") ? [step] : [],
    );
    const path = "~/.pulumi/flexprice";
    const key = `flexprice-creates-\${{ github.run_id }}-\${{ github.run_attempt }}`;
    assert.deepEqual(caches, [
      {
        uses: "actions/cache/restore@v4",
        with: { path, key, "restore-keys": "flexprice-creates-" },
      },
      { uses: "actions/cache/save@v4", if: "always()", with: { path, key } },
    ]);
  });

  describeJobs(system);
  describePlainOutput(system);
});
