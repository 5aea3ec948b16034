import type { User } from "../../api/schemas";
import { describeCaller } from "../../session/guards";
import { seesEveryKey } from "../../session/key-verification";
import { isFailure } from "../../shared/errors";
import { escapeControl } from "../../shared/redaction";
import { isAllowed, uniqueSorted } from "../../shared/roles";
import type { Session } from "../session";
import { type Check, ok, problemOf, warning } from "./check";

/** Asks the server what the credential may do. Changes nothing. */
export async function* checkServer(session: Session): AsyncGenerator<Check> {
  const { connection, credential } = session;
  const preflight = await connection.preflight();
  if (preflight.kind !== "ready") {
    yield problemOf("Credential", preflight.error);
    return;
  }
  const { caller, assignable } = preflight;
  const kind = credential.kind === "apiKey" ? "API key" : "access token";
  yield ok("Credential", `accepted: the ${kind} from ${credential.source}`);
  yield ok("Caller", escapeControl(describeCaller(caller)));
  yield ok("Tenant", escapeControl(caller.tenant.id));
  yield await checkKeys(session, caller);
  yield await checkAccounts(session, caller);
  if (assignable === undefined) return;
  const roles = uniqueSorted(assignable.map(({ id }) => id)).map(escapeControl);
  yield ok("Roles", `a service account can have ${roles.join(", ")}`);
}

async function checkKeys({ connection }: Session, caller: User): Promise<Check> {
  const check = "API keys";
  try {
    const { total } = await connection.api.listKeys({ limit: 1, offset: 0 });
    if (seesEveryKey(caller)) {
      const where = escapeControl(connection.chosenEnvironment ?? "its environment");
      return ok(
        check,
        `the caller can create them for service accounts, and sees all of ${where} (${total})`,
      );
    }
    const mayCreate = isAllowed(caller.roles, "secret", "write", await connection.allRoles());
    return warning(
      check,
      mayCreate
        ? "the caller creates and sees only its own keys"
        : 'the caller sees only its own keys, and cannot create any: it lacks "write" on "secret"',
      "for keys of service accounts use a credential of a super_admin user.",
    );
  } catch (error) {
    if (!isFailure(error)) throw error;
    return isFailure(error, "forbidden")
      ? warning(check, `the caller cannot see or create them. ${error.reason}`, error.fix)
      : problemOf(check, error);
  }
}

async function checkAccounts({ connection }: Session, caller: User): Promise<Check> {
  const check = "Service accounts";
  try {
    if (isAllowed(caller.roles, "user", "write", await connection.allRoles())) {
      return ok(check, "the caller can create them, with roles that it has itself");
    }
    return warning(
      check,
      'the caller cannot create them: it lacks "write" on "user"',
      "use a credential with super_admin or all_writer, unless your program creates none.",
    );
  } catch (error) {
    if (!isFailure(error)) throw error;
    return warning(check, `the caller's permissions are unknown. ${error.reason}`, error.fix);
  }
}
