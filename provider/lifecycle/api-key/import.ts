import type { dynamic } from "@pulumi/pulumi";
import type { Connection } from "../../session/connection";
import { guardOwnCredential, guardTenant } from "../../session/guards";
import { FlexpriceError, isFailure } from "../../shared/errors";
import { rememberSecret } from "../../shared/redaction";
import type { ProviderContext } from "../context";
import { pickDefined } from "../inputs";
import { adoptable } from "./adoption";
import { readForeign } from "./read";
import type { Inputs, State } from "./state";

/**
 * The value of the key to import, or those of several as `secret_…=sk_…`, separated by white space. Only an environment
 * variable keeps it out of the shell's history.
 */
const IMPORT_VARIABLE = "FLEXPRICE_IMPORT_API_KEY";

/**
 * Reads a key for `pulumi import`, with the inputs that describe it. The value of the key is verified as for `adopt`.
 * Without a value, the state has none.
 * @throws FlexpriceError of kind `not_found`; `refused` if the value is not this key's, or the key is the operator's.
 */
export async function importKey(
  context: ProviderContext,
  id: string,
): Promise<dynamic.ReadResult<State>> {
  const apiKey = valueFor(id, context.environment[IMPORT_VARIABLE]);
  rememberSecret(apiKey);
  const connection = context.connect(undefined);
  const caller = await guardTenant(connection, undefined);
  const given = apiKey === undefined ? {} : { apiKey };
  const found = await readForeign(connection, id, given, caller);
  const { name, type, userId, userType } = found;
  if (userType !== "service_account" && userId !== caller.id) {
    throw new FlexpriceError({
      kind: "refused",
      reason: `it acts for the user ${userId}, and a replacement could only act for a service account or for ${caller.id}, the owner of the credential`,
      fix: "import it with a credential of its owner, or leave it out of the program.",
    });
  }
  const inputs: Inputs = { name, type, ...pickDefined(found, "serviceAccountId", "expiresAt") };
  if (apiKey !== undefined) {
    await verifyValue(connection, { id, apiKey }, inputs);
  } else if (caller.id === userId && connection.mayBeKey(found.displayId)) {
    throw new FlexpriceError({
      kind: "refused",
      reason: `it seems to be the operator's own credential, from ${connection.credentialSource}`,
      fix: "configure another credential, or leave this key out of the program.",
    });
  }
  return { id, props: found, inputs: inputs as State };
}

/** Verifies the value as for `adopt`. An import has none of the inputs that those errors ask to correct. */
async function verifyValue(
  connection: Connection,
  key: { readonly id: string; readonly apiKey: string },
  inputs: Inputs,
): Promise<void> {
  guardOwnCredential(connection, key.apiKey);
  try {
    await adoptable(connection, key, inputs, undefined, false);
  } catch (error) {
    if (!isFailure(error, "refused")) throw error;
    const fix = `set ${IMPORT_VARIABLE} to the value of this key, or unset it to import the key without its value.`;
    throw error.with({ fix });
  }
}

function valueFor(id: string, given = ""): string | undefined {
  const [first, ...others] = given.split(/\s+/).filter((part) => part !== "");
  if (first === undefined) return undefined;
  if (others.length === 0 && !first.includes("=")) return first;
  return [first, ...others].find((part) => part.startsWith(`${id}=`))?.slice(id.length + 1);
}
