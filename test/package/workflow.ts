import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { type ChildResult, runChild } from "../../scripts/child";
import { CHECKOUT } from "./manifest";

const permissions = z.record(z.string(), z.string());

const workflow = z.object({
  on: z.record(z.string(), z.unknown()),
  permissions,
  jobs: z.record(
    z.string(),
    z.object({
      needs: z.string().optional(),
      permissions: permissions.optional(),
      strategy: z.object({ matrix: z.record(z.string(), z.unknown()) }).optional(),
      steps: z.array(
        z.object({
          name: z.string().optional(),
          uses: z.string().optional(),
          run: z.string().optional(),
          with: z.record(z.string(), z.unknown()).optional(),
        }),
      ),
    }),
  ),
});

export interface Workflow extends z.infer<typeof workflow> {
  readonly text: string;
  /** The `run` steps of all jobs, in order. */
  readonly scripts: readonly { name: string | undefined; run: string }[];
  /** The `uses` steps of all jobs, in order. */
  readonly actions: readonly string[];
}

/** The workflow in `.github/workflows/<name>.yml`. */
export function readWorkflow(name: string): Workflow {
  const text = readFileSync(join(CHECKOUT, ".github", "workflows", `${name}.yml`), "utf8");
  const read = workflow.parse(parse(text));
  const steps = Object.values(read.jobs).flatMap((job) => job.steps);
  return {
    ...read,
    text,
    scripts: steps.flatMap(({ name, run }) => (run === undefined ? [] : [{ name, run }])),
    actions: steps.flatMap(({ uses }) => (uses === undefined ? [] : [uses])),
  };
}

/** The script of the step of this name. */
export function scriptOf({ scripts }: Workflow, step: string): string {
  const found = scripts.find(({ name }) => name === step);
  if (found === undefined) throw new Error(`There is no step "${step}".`);
  return found.run;
}

/** Runs a script as GitHub does with `shell: bash`. */
export function runScript(
  script: string,
  cwd: string,
  env: Record<string, string>,
): Promise<ChildResult> {
  return runChild("bash", ["--noprofile", "--norc", "-eo", "pipefail", "-c", script], {
    cwd,
    env: { ...process.env, ...env },
    timeoutMs: 60_000,
  });
}
