import type { Connection } from "../../session/connection";
import { FlexpriceError } from "../../shared/errors";
import type { State } from "./state";

/**
 * Refuses settings that name another environment than the key's.
 * @throws FlexpriceError of kind `wrong_environment`.
 */
export function guardEnvironment(connection: Connection, props: State, operation: string): void {
  const chosen = connection.chosenEnvironment;
  if (props.environmentId === undefined || chosen === undefined || chosen === props.environmentId)
    return;
  throw new FlexpriceError({
    kind: "wrong_environment",
    operation,
    reason: `it belongs to environment ${props.environmentId}, the settings name ${chosen}`,
    fix: "set flexprice:environmentId to the key's environment.",
  });
}

/** The error of a key that works, but that the environment of the credential does not have. */
export function foreignEnvironment(connection: Connection, operation: string): FlexpriceError {
  return new FlexpriceError({
    kind: "wrong_environment",
    operation,
    reason: `the key still works, but the environment of the credential from ${connection.credentialSource} does not have it: it was made in another environment`,
    fix: "use a credential of the environment in which the key was made. If the key was revoked elsewhere a moment ago, run the command again in two minutes.",
  });
}
