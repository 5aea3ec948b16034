import { existsSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Key, User } from "../../api/schemas";
import type { Connection } from "../../session/connection";
import { seesEveryKey } from "../../session/key-verification";
import { FlexpriceError, isFailure, operation } from "../../shared/errors";
import { SERVICE_ACCOUNT_ROLES } from "../../shared/roles";
import type { CommandContext } from "../command-context";
import { EXIT, type ExitStatus } from "../exit-status";
import { pluralize } from "../listing";
import { isForeign } from "../orphans/report";
import { type ConnectOptions, connect } from "../session";
import { readStackExport, type StackExport } from "../stack-export";
import { withProgress, writeParagraph } from "../terminal";
import { type Program, renderProgram } from "./program";
import { select } from "./selection";

export interface GenerateOptions extends ConnectOptions {
  /** A file. Default: standard output. */
  readonly out?: string;
  /** Whether to overwrite an existing file. */
  readonly force?: boolean;
  /** Files, or "-" for standard input: what these stacks have is left out. */
  readonly stackExport?: readonly string[];
  /** Only accounts with this name, in which `*` stands for any text. */
  readonly name?: string;
  /** Only accounts with this role. */
  readonly role?: string;
  /** Whether to declare a component for each account. */
  readonly component?: boolean;
}

const GENERATE = "generate a program from the service accounts";

/** Writes a program that adopts the existing service accounts. */
export async function generate(
  options: GenerateOptions,
  context: CommandContext,
): Promise<ExitStatus> {
  const { out, force = false, component = false, stackExport = [], name, role } = options;
  const path = out === undefined ? undefined : resolve(context.directory, out);
  if (path !== undefined && !force && existsSync(path)) throw fileExists(path);
  const exports: StackExport[] = [];
  for (const source of stackExport) exports.push(await readStackExport(context, source));
  const { connection, baseUrl } = await operation(GENERATE, () => connect(context, options));
  const program = await withProgress(context, async (show) => {
    show("Asking who the credential belongs to …");
    const preflight = await connection.preflight();
    if (preflight.kind !== "ready") throw preflight.error;
    const { caller, assignable } = preflight;
    rejectOtherTenant(exports, caller);
    show("Listing the service accounts …");
    const accounts = await connection.reads.freshAccounts();
    show("Listing the API keys …");
    const { keys, keysMissing } = await visibleKeys(connection, caller);
    return renderProgram({
      ...select(accounts, keys, { exports, name, role }),
      keysMissing,
      component,
      baseUrl,
      caller,
      offered: assignable?.map(({ id }) => id) ?? SERVICE_ACCOUNT_ROLES,
      now: connection.api.serverNow(),
      connection: options.connection,
    });
  });
  if (path === undefined) context.stdout.write(program.text);
  else writeProgram(path, program.text, force);
  writeParagraph(context.stderr, "", summary(program, out));
  return EXIT.done;
}

/** Otherwise nothing would be left out, and the program would adopt what other stacks manage. */
function rejectOtherTenant(exports: readonly StackExport[], caller: User): void {
  const hasObjects = exports.some(({ objects }) => objects.length > 0);
  if (!hasObjects || !exports.every((one) => isForeign(one, caller))) return;
  throw new FlexpriceError({
    kind: "wrong_tenant",
    operation: GENERATE,
    reason: `the stack exports hold no resource of tenant ${caller.tenant.id}, to which the credential belongs`,
    fix: "name the exports of stacks of this tenant, or use the credential of theirs.",
  });
}

async function visibleKeys(
  connection: Connection,
  caller: User,
): Promise<{ keys: readonly Key[]; keysMissing: string | undefined }> {
  try {
    const keys = await connection.reads.freshKeys();
    if (seesEveryKey(caller)) return { keys, keysMissing: undefined };
    return {
      keys,
      keysMissing:
        "only a super_admin user sees keys of others, and the credential belongs to another caller.",
    };
  } catch (error) {
    if (!isFailure(error, "forbidden", "wrong_environment")) throw error;
    return { keys: [], keysMissing: `they could not be listed. ${error.reason}` };
  }
}

export function writeProgram(path: string, text: string, force: boolean): void {
  try {
    writeFileSync(path, text, { flag: force ? "w" : "wx" });
  } catch (error) {
    const { code, message } = Object(error) as { code?: string; message?: string };
    if (code === "EEXIST") throw fileExists(path);
    throw new FlexpriceError({
      kind: "configuration",
      operation: `write ${path}`,
      reason: String(message),
      fix: "name a file in a folder where you may write.",
    });
  }
}

export function fileExists(path: string): FlexpriceError {
  return new FlexpriceError({
    kind: "refused",
    operation: `write ${path}`,
    reason: "the file exists",
    fix: "name another file, or overwrite it with --force.",
  });
}

function summary({ adopted, skipped, keys, leftOut }: Program, out: string | undefined): string {
  const parts = [
    `${pluralize(adopted, "service account")} to adopt`,
    ...(skipped === 0 ? [] : [`${skipped} in comments that say why not`]),
    `${pluralize(keys, "API key")} in comments that say what to do`,
  ];
  return [
    `${out ?? "The program"}: ${parts.join(", ")}.`,
    ...leftOut.map((sentence) => `Left out: ${sentence}`),
    "Next: pulumi preview.",
  ].join(" ");
}
