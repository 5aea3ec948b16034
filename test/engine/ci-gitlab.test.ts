import assert from "node:assert/strict";
import { join } from "node:path";
import { runChild } from "../../scripts/child";
import { gitlabJob, readPipeline } from "./ci-examples";
import type { System } from "./ci-repository";
import { describeJobs, describePlainOutput } from "./ci-suite";

const CACHED = ".pulumi-home/flexprice";

const system: System = {
  job: (name, settings, { checkout }) => gitlabJob(name, settings, checkout),
  cached: ({ checkout }) => join(checkout, CACHED),
  report: ({ checkout }) => join(checkout, "preview.txt"),
};

/** Pipelines by their trigger: `$CI_…` variables. */
const PIPELINES = {
  "a merge request": { CI_PIPELINE_SOURCE: "merge_request_event" },
  "a merge": { CI_PIPELINE_SOURCE: "push", CI_COMMIT_BRANCH: "main" },
  "a push to another branch": { CI_PIPELINE_SOURCE: "push", CI_COMMIT_BRANCH: "topic" },
  "the schedule": { CI_PIPELINE_SOURCE: "schedule", CI_COMMIT_BRANCH: "main" },
} as const;

describe("the jobs of the GitLab pipeline", () => {
  const { stages, jobs, everywhere } = readPipeline();

  it("run on their triggers", async () => {
    const expected: Record<keyof typeof PIPELINES, string[]> = {
      "a merge request": ["preview"],
      "a merge": ["up"],
      "a push to another branch": [],
      "the schedule": ["up", "drift"],
    };
    for (const [what, variables] of Object.entries(PIPELINES)) {
      const chosen: string[] = [];
      for (const [name, { rules }] of Object.entries(jobs)) {
        // Conditions of this form mean the same in bash.
        const conditions = rules.map((rule) => `[[ ${rule.if} ]]`).join(" || ");
        const env = { CI_DEFAULT_BRANCH: "main", ...variables };
        if ((await runChild("bash", ["-c", conditions], { env })).exitCode === 0) chosen.push(name);
      }
      assert.deepEqual(chosen, expected[what as keyof typeof PIPELINES], what);
    }
    assert.deepEqual(
      stages,
      Object.values(jobs).map(({ stage }) => stage),
    );
  });

  it("run one up at a time, never cancel it, and check no drift meanwhile", () => {
    assert.equal(jobs["up"]?.interruptible, false);
    assert.deepEqual(
      Object.values(jobs).map(({ resource_group }) => resource_group),
      [undefined, "flexprice-production", "flexprice-production"],
    );
  });

  it("keep the notes about creates between machines, even if a run fails", () => {
    assert.deepEqual(jobs["up"]?.cache, {
      key: "flexprice-creates",
      paths: [CACHED],
      when: "always",
    });
  });

  it("have only script lines that are tested", () => {
    assert.deepEqual(everywhere.before_script, ["npm ci"]);
    for (const [name, { script }] of Object.entries(jobs)) {
      const { steps, skipped } = gitlabJob(name, {}, "/checkout");
      assert.deepEqual(skipped, []);
      assert.deepEqual(
        steps.map((step) => step.script),
        [["npm ci", ...script].join("\n")],
      );
    }
  });

  describeJobs(system);
  describePlainOutput(system);
});
