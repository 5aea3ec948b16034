import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";

const EXAMPLES = join(__dirname, "..", "..", "examples", "ci");

/** Secrets and variables of a repository, by name. Missing ones are empty. */
export type Settings = Readonly<Record<string, string>>;

/** A script of a CI job, and its environment. */
interface Step {
  readonly script: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface Job {
  readonly steps: readonly Step[];
  /** A step that only the CI system can do. */
  readonly skipped: readonly string[];
}

const texts = z.record(z.string(), z.string());

const workflow = z.strictObject({
  name: z.string(),
  on: z.unknown(),
  permissions: texts,
  concurrency: z.unknown().optional(),
  // Its flags are those of SHELL in ci-repository.ts.
  defaults: z.strictObject({ run: z.strictObject({ shell: z.literal("bash") }) }),
  env: texts,
  jobs: z.record(
    z.string(),
    z.strictObject({
      "runs-on": z.string(),
      "timeout-minutes": z.number(),
      steps: z.array(
        z.union([
          z.strictObject({
            uses: z.string(),
            with: z.unknown().optional(),
            if: z.string().optional(),
          }),
          z.strictObject({
            name: z.string().optional(),
            run: z.string(),
            env: texts.optional(),
          }),
        ]),
      ),
    }),
  ),
});

/** A GitHub workflow. */
export function textOf(file: string): string {
  return readFileSync(join(EXAMPLES, "github", file), "utf8");
}

export function readWorkflow(file: string) {
  return workflow.parse(parse(textOf(file)));
}

/** The only job of a GitHub workflow. */
export function githubJob(file: string, settings: Settings): Job {
  const { env, jobs } = readWorkflow(file);
  const [job, ...others] = Object.values(jobs);
  assert.ok(job !== undefined && others.length === 0, file);
  const setting = (text: string) =>
    text.replace(/^\$\{\{ (?:secrets|vars)\.(\w+) \}\}$/, (_, name) => settings[name] ?? "");
  return {
    steps: job.steps.flatMap((step) =>
      "run" in step ? [{ script: step.run, env: valuesOf({ ...env, ...step.env }, setting) }] : [],
    ),
    skipped: job.steps.flatMap((step) => ("uses" in step ? [step.uses] : [])),
  };
}

const pipeline = z
  .object({
    default: z.strictObject({ image: z.string(), before_script: z.array(z.string()) }),
    stages: z.array(z.string()),
    variables: texts,
  })
  .catchall(
    z.strictObject({
      stage: z.string(),
      timeout: z.string(),
      rules: z.array(z.strictObject({ if: z.string() })),
      script: z.array(z.string()),
      resource_group: z.string().optional(),
      interruptible: z.boolean().optional(),
      cache: z.unknown().optional(),
      artifacts: z.unknown().optional(),
    }),
  );

export function readPipeline() {
  const {
    default: everywhere,
    stages,
    variables,
    ...jobs
  } = pipeline.parse(parse(readFileSync(join(EXAMPLES, "gitlab", ".gitlab-ci.yml"), "utf8")));
  return { everywhere, stages, variables, jobs };
}

/** A job of the GitLab pipeline. One shell runs all of its lines. */
export function gitlabJob(name: string, settings: Settings, projectDirectory: string): Job {
  const { everywhere, variables, jobs } = readPipeline();
  const job = jobs[name];
  assert.ok(job, name);
  const env = valuesOf(variables, (text) => text.replaceAll("$CI_PROJECT_DIR", projectDirectory));
  const script = [...everywhere.before_script, ...job.script].join("\n");
  return { steps: [{ script, env: { ...settings, ...env } }], skipped: [] };
}

function valuesOf(
  env: Readonly<Record<string, string>>,
  evaluate: (text: string) => string,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).map(([name, text]) => {
      const value = evaluate(text);
      assert.ok(!value.includes("$"), `${name}: ${text} is more than this test can work out`);
      return [name, value];
    }),
  );
}
