import type { User } from "../api/schemas";
import { describeCaller } from "../session/guards";
import { seesEveryKey } from "../session/key-verification";
import { isFailure } from "../shared/errors";
import { isAllowed, uniqueSorted } from "../shared/roles";
import { type Check, ok, problem, problemOf, warning } from "./doctor-check";
import type { Session } from "./session";
import { bare } from "./wording";

/** Asks the server what it makes of the credential. Changes nothing. */
export async function* checkServer(contact: Session): AsyncGenerator<Check> {
  const { connection, credential } = contact;
  const seen = await connection.preflight();
  if (seen.kind !== "ready") {
    yield problemOf("Credential", seen.error);
    return;
  }
  const { caller, assignable } = seen;
  const kind = credential.kind === "apiKey" ? "API key" : "access token";
  yield ok("Credential", `accepted: the ${kind} from ${credential.source}`);
  yield ok("Caller", bare(describeCaller(caller)));
  yield ok("Tenant", bare(caller.tenant.id));
  yield await checkKeys(contact, caller);
  yield await checkAccounts(contact, caller);
  if (assignable !== undefined) {
    yield ok(
      "Roles",
      `a service account can have ${uniqueSorted(assignable.map(({ id }) => id))
        .map(bare)
        .join(", ")}`,
    );
  }
}

async function checkAccounts({ connection }: Session, caller: User): Promise<Check> {
  const check = "Service accounts";
  try {
    if (isAllowed(caller.roles, "user", "write", await connection.allRoles())) {
      return ok(check, "the caller may create them, with roles that it holds itself");
    }
    return warning(
      check,
      'the caller may not create them: it lacks "write" on "user"',
      "use a credential with super_admin or all_writer, unless the program has none of them to make.",
    );
  } catch (error) {
    if (!isFailure(error)) throw error;
    return warning(
      check,
      `what the caller may do could not be found out. ${error.reason}`,
      error.fix,
    );
  }
}

async function checkKeys({ connection }: Session, caller: User): Promise<Check> {
  const check = "API keys";
  if (connection.lacksEnvironment) {
    return problem(
      check,
      "keys belong to an environment, and an access token has none",
      "pulumi config set flexprice:environmentId env_… (or FLEXPRICE_ENVIRONMENT_ID).",
    );
  }
  try {
    const { total } = await connection.api.listKeys({ limit: 1, offset: 0 }, "list the API keys");
    const where = connection.chosenEnvironment ?? "its environment";
    if (seesEveryKey(caller)) {
      return ok(
        check,
        `the caller may make them for service accounts, and sees all of ${bare(where)} (${total})`,
      );
    }
    const mayMake = isAllowed(caller.roles, "secret", "write", await connection.allRoles());
    return warning(
      check,
      mayMake
        ? "the caller makes and sees its own keys only"
        : 'the caller sees its own keys, and may not make any: it lacks "write" on "secret"',
      "for keys of service accounts use a credential of a super_admin user.",
    );
  } catch (error) {
    if (!isFailure(error)) throw error;
    return isFailure(error, "forbidden")
      ? warning(check, `the caller has nothing to do with them. ${error.reason}`, error.fix)
      : problemOf(check, error);
  }
}
