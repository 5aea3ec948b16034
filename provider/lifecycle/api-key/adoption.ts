import { displayIdOf } from "../../api/ids";
import type { Key } from "../../api/schemas";
import type { Connection } from "../../session/connection";
import { guardOwnCredential } from "../../session/guards";
import { authenticateWithKey } from "../../session/key-verification";
import { sameInstant } from "../../shared/duration";
import { FlexpriceError } from "../../shared/errors";
import { quoted, rememberSecret } from "../../shared/redaction";
import type { Inputs } from "./state";

/**
 * Finds the key that `adopt` names, and checks that the given value belongs to it and that the program describes it.
 * @param owner - Who the key must act for; undefined while the account is unknown.
 * @param isHeld - Whether another resource of the program has the key.
 * @throws FlexpriceError of kind `refused`, with the differences.
 */
export async function adoptable(
  connection: Connection,
  { id, apiKey }: { readonly id: string; readonly apiKey: string },
  inputs: Inputs,
  owner: string | undefined,
  isHeld: boolean,
): Promise<Key> {
  rememberSecret(apiKey);
  const rejection = (reason: string, fix: string) =>
    new FlexpriceError({ kind: "refused", reason, fix });
  if (isHeld) {
    throw rejection(
      "a resource of this stack manages it already",
      'remove "adopt" from this resource.',
    );
  }
  guardOwnCredential(connection, apiKey);
  const user = await authenticateWithKey(connection.api, apiKey);
  if (user === undefined) {
    throw rejection(
      "the server does not accept the given apiKey (401): it is mistyped, expired, revoked or publishable",
      'correct adopt.apiKey, or remove "adopt" to create a key.',
    );
  }
  if (owner !== undefined && user.id !== owner) {
    throw rejection(
      `the given apiKey acts for ${user.id}, but the program asks for a key of ${owner}`,
      "correct serviceAccountId or adopt.",
    );
  }
  const listed = (await connection.reads.freshKeys(user.id)).find((key) => key.id === id);
  if (listed === undefined) {
    throw rejection(
      `${user.id} has no key with this id among those that the credential sees in its environment`,
      "correct adopt.id, or use a credential of the key's environment.",
    );
  }
  const differences = [
    displayIdOf(apiKey) === listed.display_id
      ? ""
      : `the given apiKey is not this key: its display id would be ${displayIdOf(apiKey)}, this key's is ${listed.display_id}`,
    inputs.name === undefined || listed.name === inputs.name
      ? ""
      : `its name is ${quoted(listed.name)}, but the program asks for ${quoted(inputs.name)}`,
    listed.type === inputs.type
      ? ""
      : `its type is ${listed.type}, but the program asks for ${inputs.type}`,
    expiryDifference(listed.expires_at ?? undefined, inputs),
  ].filter((difference) => difference !== "");
  if (differences.length > 0) {
    throw rejection(
      differences.join("; "),
      inputs.expiresIn !== undefined && listed.expires_at == null
        ? 'leave out the key in "adopt", and revoke it once its consumers use the new one. Or declare an ApiKey without an expiry, which does not rotate.'
        : "make the program match the key, which cannot be changed.",
    );
  }
  return listed;
}

/** `expiresIn` applies to the key's successors: the adopted key only needs some expiry. */
function expiryDifference(expiresAt: string | undefined, inputs: Inputs): string {
  const wanted =
    inputs.expiresAt ?? (inputs.expiresIn === undefined ? undefined : `in ${inputs.expiresIn}`);
  const fits =
    inputs.expiresIn === undefined
      ? sameInstant(expiresAt, inputs.expiresAt)
      : expiresAt !== undefined;
  if (fits) return "";
  return `it expires ${expiresAt ?? "never"}, but the program asks for ${wanted ?? "no expiry"}`;
}
