import { join } from "node:path";
import { runChild } from "../child";
import { Progress } from "../progress";
import { type EnsureOptions, progressOf } from ".";
import { PULUMI_VERSION } from "./acquire";
import { cacheRoot, madeOnce } from "./cache";

/** What programs need, and what generated SDKs need beside it, also to be installed themselves. */
const PACKAGES = [`pulumi==${PULUMI_VERSION}`, "parver", "setuptools", "wheel"];
const INSTALL_MS = 10 * 60_000;

/** Returns a virtual environment with Pulumi's SDK from PyPI, for the Python of this machine. */
export async function ensurePython(options: EnsureOptions = {}): Promise<string> {
  const target = progressOf(options);
  const { exitCode, stdout, output } = await runChild("python3", ["-VV"], { timeoutMs: 20_000 });
  const [, version] = /^Python (\S+)/.exec(stdout) ?? [];
  if (exitCode !== 0 || version === undefined) {
    throw new Error(
      `python3 is not usable (${output.trim() || "not found"}). Install Python 3.10 or newer (https://www.python.org/downloads/).`,
    );
  }
  const name = `python-${version}-pulumi-${PULUMI_VERSION}`;
  return await madeOnce(join(cacheRoot(), name), target.log, async (draft) => {
    const progress = new Progress(
      `Installing Pulumi v${PULUMI_VERSION} for Python ${version} (once)`,
      target.log,
      target.inPlace,
    );
    try {
      await python("python3", ["-m", "venv", draft]);
      await python(pythonOf(draft), [
        ...["-m", "pip", "install", "--disable-pip-version-check", "--quiet"],
        ...["--only-binary", ":all:", ...PACKAGES],
      ]);
      progress.end("done");
    } catch (error) {
      progress.end("failed");
      throw error;
    }
  });
}

/** The interpreter of a virtual environment. Other programs in it do not survive that their folder is renamed. */
export function pythonOf(environment: string): string {
  return process.platform === "win32"
    ? join(environment, "Scripts", "python.exe")
    : join(environment, "bin", "python");
}

/** Runs Python, which must succeed. */
export async function python(interpreter: string, args: readonly string[]): Promise<void> {
  const { exitCode, output } = await runChild(interpreter, args, { timeoutMs: INSTALL_MS });
  if (exitCode === 0) return;
  const reason = output.trim().split("\n").slice(-3).join(" / ");
  throw new Error(`python ${args.slice(0, 3).join(" ")} failed: ${reason}`);
}
