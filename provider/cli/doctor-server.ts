import { seesEveryKey } from "../session/key-verification";
import type { User } from "../api/schemas";
import { isFailure } from "../shared/errors";
import { described } from "../session/guards";
import { asSet, may } from "../shared/roles";
import type { Contact } from "./session";
import { type Finding, ok, problem, problemOf, warning } from "./doctor-check";
import { bare } from "./wording";

/** Asks the server what it makes of the credential. Changes nothing. */
export async function* examineServer(contact: Contact): AsyncGenerator<Finding> {
  const { connection, credential } = contact;
  const seen = await connection.preflight();
  if (seen.kind !== "ready") {
    yield problemOf("Credential", seen.error);
    return;
  }
  const { caller, assignable } = seen;
  const kind = credential.kind === "apiKey" ? "API key" : "access token";
  yield ok("Credential", `accepted: the ${kind} from ${credential.source}`);
  yield ok("Caller", bare(described(caller)));
  yield ok("Tenant", bare(caller.tenant.id));
  yield await examineKeys(contact, caller);
  yield await examineAccounts(contact, caller);
  if (assignable !== undefined) {
    yield ok(
      "Roles",
      `a service account can have ${asSet(assignable.map(({ id }) => id))
        .map(bare)
        .join(", ")}`,
    );
  }
}

async function examineAccounts({ connection }: Contact, caller: User): Promise<Finding> {
  const check = "Service accounts";
  try {
    if (may(caller.roles, "user", "write", await connection.allRoles())) {
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
      `what the caller may do could not be found out. ${error.answer}`,
      error.advice,
    );
  }
}

async function examineKeys({ connection }: Contact, caller: User): Promise<Finding> {
  const check = "API keys";
  if (connection.lacksEnvironment) {
    return problem(
      check,
      "keys belong to an environment, and an access token has none",
      "pulumi config set flexprice:environmentId env_… (or FLEXPRICE_ENVIRONMENT_ID).",
    );
  }
  try {
    const { total } = await connection.routes.listKeys(
      { limit: 1, offset: 0 },
      "list the API keys",
    );
    const where = connection.chosenEnvironment ?? "its environment";
    if (seesEveryKey(caller)) {
      return ok(
        check,
        `the caller may make them for service accounts, and sees all of ${bare(where)} (${total})`,
      );
    }
    const mayMake = may(caller.roles, "secret", "write", await connection.allRoles());
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
      ? warning(check, `the caller has nothing to do with them. ${error.answer}`, error.advice)
      : problemOf(check, error);
  }
}
