import type { dynamic } from "@pulumi/pulumi";
import { displayIdOf } from "../../api/ids";
import type { User } from "../../api/schemas";
import type { Connection } from "../../session/connection";
import { guardTenant } from "../../session/guards";
import { authenticateWithKey, confirmRevoked, seesEveryKey } from "../../session/key-verification";
import { isYoung } from "../../session/replica-lag";
import { hasPassed } from "../../shared/duration";
import { FlexpriceError } from "../../shared/errors";
import { displayName, rememberSecret } from "../../shared/redaction";
import type { ProviderContext } from "../context";
import { foreignEnvironment, guardEnvironment } from "./environment";
import { forgotten, unexpired } from "./predecessors";
import { isComplete, refreshed, type State, toState, unchanged } from "./state";

/** Reads a key for a refresh, or for `ApiKey.get`; "gone" takes proof. */
export async function readKey(
  context: ProviderContext,
  id: string,
  props: Partial<State> = {},
): Promise<dynamic.ReadResult<State>> {
  context.managed.add(id);
  rememberSecret(props.apiKey);
  const operation = `read API key ${displayName(id, props.name)}`;
  const connection = context.connect(props.connection, operation);
  const caller = await guardTenant(connection, props.tenantId, operation);
  await connection.remindOfPending(context.warn);
  if (!isComplete(props)) return await readForeign(connection, id, props, caller, operation);
  guardEnvironment(connection, props, operation);
  // A list never shows a publishable key, and it opens nothing: only its expiry can be told, by the clock.
  if (props.type === "publishable_key") return unchanged(id, props);
  if (!seesEveryKey(caller) && props.userId !== caller.id) {
    return await readUnseen(context, connection, id, props, caller);
  }
  const listed = await connection.directory.key(id, props.userId);
  if (listed !== undefined) {
    const archived =
      props.serviceAccountId !== undefined &&
      (await connection.directory.account(props.serviceAccountId)) === undefined;
    if (archived) {
      await context.warn(
        `Service account ${props.serviceAccountId} of API key ${displayName(id, props.name)} is archived, and the key still works: replace or delete it.`,
      );
    }
    return refreshed(id, props, listed, archived);
  }
  // An expired key does not work anywhere, so using it proves nothing about this environment; the next up
  // replaces it in any case.
  if (hasPassed(props.expiresAt, context.now(props.connection))) return unchanged(id, props);
  if (isYoung(connection, id)) {
    await context.warn(
      `API key ${displayName(id, props.name)} is not listed by the server, but it was made less than ten minutes ago, and a read replica may not know it yet: its state is kept. Refresh again later.`,
    );
    return unchanged(id, props);
  }
  const dead = await confirmRevoked(connection, props.apiKey, context.sleep);
  if (!dead) throw foreignEnvironment(connection, operation);
  const listedNow = (await connection.directory.freshKeysOf(props.userId)).map((key) => key.id);
  if (listedNow.includes(id)) return unchanged(id, props);
  const left = unexpired(props.predecessors, context.now(props.connection)).filter((one) =>
    listedNow.includes(one.id),
  );
  await context.warn(
    `API key ${displayName(id, props.name)} was revoked outside of this program: it leaves the state, and the next "pulumi up" makes another in its place.${forgotten(left)}`,
  );
  return { id: "", props };
}

/** A key of somebody else, read by a caller to whom the list does not show it: what it can tell, it tells itself. */
async function readUnseen(
  context: ProviderContext,
  connection: Connection,
  id: string,
  props: State,
  caller: User,
): Promise<dynamic.ReadResult<State>> {
  const works = (await authenticateWithKey(connection.api, props.apiKey)) !== undefined;
  if (!works && !hasPassed(props.expiresAt, context.now(props.connection))) {
    await context.warn(
      `API key ${displayName(id, props.name)} is not accepted by the server, but the credential from ${connection.credentialSource} (${caller.type} ${caller.id}) cannot see whether it was revoked; its state is kept. Refresh with a super_admin user's credential.`,
    );
  }
  return unchanged(id, props);
}

/** The read behind `ApiKey.get`: a key that this stack does not manage. */
async function readForeign(
  connection: Connection,
  id: string,
  props: Partial<State>,
  caller: User,
  operation: string,
): Promise<dynamic.ReadResult<State>> {
  const listed = await connection.directory.keyOfAnyone(id);
  if (listed === undefined) {
    throw new FlexpriceError({
      kind: "not_found",
      operation,
      reason: `the credential from ${connection.credentialSource} sees no key with this id: it is revoked, publishable, of another environment${seesEveryKey(caller) ? "" : ", or of another owner"}`,
      fix: "correct the id, or use a super_admin user's credential of the key's environment.",
    });
  }
  if (props.apiKey !== undefined && displayIdOf(props.apiKey) !== listed.display_id) {
    throw new FlexpriceError({
      kind: "refused",
      operation,
      reason: `the given apiKey is not this key: its display id would be ${displayIdOf(props.apiKey)}, this key's is ${listed.display_id}`,
      fix: "correct the id or the apiKey.",
    });
  }
  const { apiKey, ...rest } = toState({ ...props, name: listed.name }, listed, {
    apiKey: props.apiKey ?? "",
    tenantId: caller.tenant.id,
    environmentId: connection.chosenEnvironment,
  });
  return { id, props: (apiKey === "" ? rest : { ...rest, apiKey }) as State };
}
