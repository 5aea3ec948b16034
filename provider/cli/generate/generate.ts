import { createdAt } from "../../api/ids";
import type { Key, User } from "../../api/schemas";
import type { Connection } from "../../session/connection";
import { seesEveryKey } from "../../session/key-verification";
import { isFailure, operation } from "../../shared/errors";
import { escapeControl } from "../../shared/redaction";
import { SERVICE_ACCOUNT_ROLES } from "../../shared/roles";
import type { CommandContext } from "../command-context";
import { isForeign, rejectOtherTenant } from "../comparison";
import { EXIT, type ExitStatus } from "../exit-status";
import { pluralize } from "../listing";
import { outputFile } from "../output-file";
import { type ConnectOptions, connect } from "../session";
import { readStackExports, type StackExport } from "../stack-export";
import { withProgress, writeParagraph } from "../terminal";
import { type Program, renderProgram } from "./program";
import { type Selection, select } from "./selection";

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
  const { out, force, component = false, stackExport = [], name, role } = options;
  const write = outputFile(context, out, force) ?? ((text) => context.stdout.write(text));
  const exports = await readStackExports(context, stackExport);
  const { connection, baseUrl } = await operation(GENERATE, () => connect(context, options));
  const { program, selection, warnings } = await withProgress(context, async (show) => {
    show("Asking who the credential belongs to …");
    const preflight = await connection.preflight();
    if (preflight.kind !== "ready") throw preflight.error;
    const { caller, assignable } = preflight;
    rejectOtherTenant(exports, caller, connection.credentialSource);
    show("Listing the service accounts …");
    const accounts = await connection.reads.freshAccounts();
    show("Listing the API keys …");
    const { keys, keysMissing } = await visibleKeys(connection, caller);
    const selection = select(accounts, keys, { exports, name, role });
    const program = renderProgram({
      ...selection,
      keysMissing,
      component,
      baseUrl,
      caller,
      offered: assignable?.map(({ id }) => id) ?? SERVICE_ACCOUNT_ROLES,
      now: connection.api.serverNow(),
      connection: options.connection,
    });
    return { program, selection, warnings: warningsOf(exports, selection.accounts, caller) };
  });
  write(program.text);
  for (const warning of warnings) writeParagraph(context.stderr, "warning: ", warning);
  writeParagraph(context.stderr, "", `${out ?? "The program"}: ${summary(program, selection)}`);
  return EXIT.done;
}

/** What a stack has beside what its export shows would be managed by two programs. */
function warningsOf(
  exports: readonly StackExport[],
  accounts: readonly User[],
  caller: User,
): string[] {
  return exports.flatMap((one) => {
    const source = escapeControl(one.source);
    if (isForeign(one, caller)) {
      return [`${source} has no resource of tenant ${escapeControl(caller.tenant.id)}.`];
    }
    const written = Date.parse(one.time);
    const newer = accounts.filter(({ id }) => !((createdAt(id) ?? written) <= written));
    if (newer.length === 0) return [];
    return [
      `the program has ${pluralize(newer.length, "service account")} that may be newer than the state in ${source}. If its stack has created some of them since, export it again: two programs must not manage one account.`,
    ];
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

function summary({ adopted, skipped }: Program, { keys, leftOut }: Selection): string {
  const parts = [
    `${pluralize(adopted, "service account")} to adopt`,
    ...(skipped === 0 ? [] : [`${skipped} in comments that say why not`]),
    `${pluralize(keys.length, "API key")} in comments that say what to do`,
  ];
  return [
    `${parts.join(", ")}.`,
    ...leftOut.map((sentence) => `Left out: ${sentence}`),
    "Next: pulumi preview.",
  ].join(" ");
}
