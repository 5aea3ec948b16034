import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type {
  ConfigMap,
  LocalWorkspaceOptions,
  PulumiCommand,
  PulumiFn,
  Stack,
} from "@pulumi/pulumi/automation";
import { errorText, FlexpriceError } from "../shared/errors";
import { lazy } from "../shared/lazy";

/** Tests without a stack do not need the SDK. */
const automation = lazy((): typeof import("@pulumi/pulumi/automation") =>
  require("@pulumi/pulumi/automation"),
);

/** What a stack needs from the server that it uses. */
export interface ScratchOptions {
  readonly environment: Readonly<Record<string, string>>;
  readonly config: ConfigMap;
}

/** The part of an exported stack that matters here. */
interface Exported {
  readonly deployment?: { readonly resources?: readonly unknown[] };
}

/** How many of Pulumi's errors a text repeats. */
const MAX_ERRORS = 3;

/**
 * A stack with a backend, a login and a workspace of its own in a temporary folder. Only the plugin cache is the
 * user's.
 */
export class ScratchStack {
  static async create(
    program: PulumiFn | string,
    { environment, config }: ScratchOptions,
  ): Promise<ScratchStack> {
    const folder = mkdtempSync(join(tmpdir(), "pulumi-flexprice-test-"));
    try {
      const { LocalWorkspace, PulumiCommand } = automation();
      const pulumiCommand = await PulumiCommand.get().catch(rejectUnusableCli);
      const options = workspaceOptions(folder, environment, pulumiCommand);
      // A stack of the user with this name has its config in the same file.
      const stackName = `test-${randomBytes(4).toString("hex")}`;
      const stack =
        typeof program === "string"
          ? await LocalWorkspace.createStack({ stackName, workDir: resolve(program) }, options)
          : await LocalWorkspace.createStack(
              { stackName, projectName: "test", program },
              {
                ...options,
                workDir: join(folder, "project"),
                // The provider is looked up from there.
                projectSettings: { name: "test", runtime: "nodejs", main: process.cwd() },
              },
            );
      const scratch = new ScratchStack(stack, folder);
      try {
        await stack.setAllConfig(config);
      } catch (error) {
        await scratch.dispose();
        throw error;
      }
      return scratch;
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  private constructor(
    readonly stack: Stack,
    private readonly folder: string,
  ) {}

  /**
   * Destroys what the stack has, then removes the stack and its folder, whatever happens.
   * @throws FlexpriceError if the resources cannot be destroyed.
   */
  async dispose(): Promise<void> {
    const { name, workspace } = this.stack;
    try {
      const exported: Exported = await this.stack.exportStack();
      const { resources = [] } = exported.deployment ?? {};
      if (resources.length > 0) await this.stack.destroy();
    } catch (error) {
      throw new FlexpriceError({
        kind: "refused",
        operation: "destroy the stack of the test",
        reason: `pulumi destroy failed: ${reasonOf(error)}`,
        fix: "look for what keeps your program from being destroyed, such as a protected resource or an account with active keys. The stack, its folder and the embedded Flexprice are gone.",
      });
    } finally {
      // Also removes the config file next to a program of the user.
      await workspace.removeStack(name, { force: true }).catch(() => {});
      rmSync(this.folder, { recursive: true, force: true });
    }
  }
}

function workspaceOptions(
  folder: string,
  environment: Readonly<Record<string, string>>,
  pulumiCommand: PulumiCommand,
): LocalWorkspaceOptions {
  const [home, backend] = [join(folder, "home"), join(folder, "backend")];
  for (const made of [home, backend, join(folder, "project")]) mkdirSync(made);
  const plugins = join(process.env["PULUMI_HOME"] || join(homedir(), ".pulumi"), "plugins");
  // A junction needs no privileges on Windows. Elsewhere the type means nothing.
  if (existsSync(plugins)) symlinkSync(resolve(plugins), join(home, "plugins"), "junction");
  return {
    pulumiCommand,
    pulumiHome: home,
    envVars: {
      ...environment,
      PULUMI_BACKEND_URL: pathToFileURL(backend).href,
      PULUMI_CONFIG_PASSPHRASE: "only for this test",
      // Those of the shell would point to the user's login.
      PULUMI_CREDENTIALS_PATH: home,
      PULUMI_ACCESS_TOKEN: "",
      PULUMI_STACK: "",
      // Would keep the config of the stack next to a program of the user for good.
      PULUMI_SELF_MANAGED_STATE_LEGACY_LAYOUT: "",
      // A new home would ask for the newest version each time.
      PULUMI_SKIP_UPDATE_CHECK: "true",
    },
  };
}

function rejectUnusableCli(error: unknown): never {
  throw new FlexpriceError({
    kind: "configuration",
    operation: "create a stack for the test",
    reason: `no usable Pulumi CLI is on the PATH: ${reasonOf(error)}`,
    fix: "install a current one: https://www.pulumi.com/docs/install/",
  });
}

/** What Pulumi reports as errors, or why it could not be started; otherwise the first line. */
function reasonOf(error: unknown): string {
  const paragraphs = errorText(error)
    .split(/\n\s*(?=error: |err\?: |std\w+: )|\n\s*\n/)
    .map((paragraph) => paragraph.trim().replaceAll(/\s+/g, " "));
  const errors = paragraphs.filter((paragraph) => paragraph.startsWith("error: "));
  if (errors.length > 0) return [...new Set(errors)].slice(0, MAX_ERRORS).join("; ");
  const cause = paragraphs.find((paragraph) => paragraph.startsWith("err?: "));
  return (cause ?? paragraphs[0] ?? "").replace(/^err\?: (?:Error: )?/, "");
}
