import type { dynamic } from "@pulumi/pulumi";
import { displayIdOf } from "../../api/ids";
import type { User } from "../../api/schemas";
import type { Connection } from "../../session/connection";
import { foreignEnvironment, guardEnvironment, guardTenant } from "../../session/guards";
import {
  authenticateWithKey,
  confirmRevoked,
  REMOVE_ADOPT,
  seesEveryKey,
} from "../../session/key-verification";
import { isYoung } from "../../session/replica-lag";
import { hasPassed } from "../../shared/duration";
import { FlexpriceError } from "../../shared/errors";
import { displayName, rememberSecret } from "../../shared/redaction";
import type { ProviderContext } from "../context";
import { forgotten, unexpired } from "./predecessors";
import { isComplete, refreshed, type State, toState, unchanged } from "./state";

/** Reads a key for a refresh or for `ApiKey.get`. A key only counts as gone if that is proven. */
export async function readKey(
  context: ProviderContext,
  id: string,
  props: Partial<State>,
): Promise<dynamic.ReadResult<State>> {
  context.managed.add(id);
  rememberSecret(props.apiKey);
  const connection = context.connect(props.connection);
  const caller = await guardTenant(connection, props.tenantId);
  await connection.remindOfPending(context.warn);
  if (!isComplete(props)) {
    return { id, props: await readForeign(connection, id, props, caller) };
  }
  guardEnvironment(connection, props.environmentId);
  // Publishable keys are never listed and do not authenticate, so nothing can be checked.
  if (props.type === "publishable_key") return unchanged(id, props);
  if (!seesEveryKey(caller) && props.userId !== caller.id) {
    return await readUnseen(context, connection, id, props, caller);
  }
  const listed = await connection.reads.key(id, props.userId);
  if (listed !== undefined) {
    const archived =
      props.serviceAccountId !== undefined &&
      (await connection.reads.account(props.serviceAccountId)) === undefined;
    if (archived) {
      await context.warn(
        `Service account ${props.serviceAccountId} of API key ${displayName(id, props.name)} is archived, but the key still works: replace or delete it.`,
      );
    }
    return refreshed(id, props, listed, archived);
  }
  // An expired key works nowhere, so trying it proves nothing about this environment. The next up replaces it anyway.
  if (hasPassed(props.expiresAt, context.now(props.connection))) return unchanged(id, props);
  if (isYoung(connection, id)) {
    await context.warn(
      `API key ${displayName(id, props.name)} is not listed by the server, but it was created less than ten minutes ago, and a read replica may not know it yet: its state is kept. Refresh again later.`,
    );
    return unchanged(id, props);
  }
  const isRevoked = await confirmRevoked(connection, props.apiKey, context.sleep);
  if (!isRevoked) throw foreignEnvironment(connection);
  const listedNow = (await connection.reads.freshKeys(props.userId)).map((key) => key.id);
  if (listedNow.includes(id)) return unchanged(id, props);
  const left = unexpired(props.predecessors, context.now(props.connection)).filter((one) =>
    listedNow.includes(one.id),
  );
  const adopted = props.adoptedId === id ? ` ${REMOVE_ADOPT}` : "";
  await context.warn(
    `API key ${displayName(id, props.name)} was revoked outside of this program: it is removed from the state, and the next "pulumi up" creates another.${adopted}${forgotten(left)}`,
  );
  return { id: "", props };
}

/** Reads a key of another owner that the list does not show to this caller. All it can do is try the key. */
async function readUnseen(
  context: ProviderContext,
  connection: Connection,
  id: string,
  props: State & { readonly apiKey: string },
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

/** Reads a key that the state does not know, by its id. */
export async function readForeign(
  connection: Connection,
  id: string,
  props: Partial<State>,
  caller: User,
): Promise<State> {
  const listed = await connection.reads.key(id);
  if (listed === undefined) {
    const isInState = props.tenantId !== undefined;
    // An expired key works nowhere. The next up replaces it anyway.
    if (isInState && hasPassed(props.expiresAt, connection.api.serverNow())) {
      return props as State;
    }
    throw new FlexpriceError({
      kind: "not_found",
      reason: `the credential from ${connection.credentialSource} sees no key with this id: it is revoked, publishable, of another environment${seesEveryKey(caller) ? "" : ", or of another owner"}`,
      fix: isInState
        ? `use a super_admin user's credential of the key's environment. The state does not have the key's value, so the provider cannot prove that it is revoked: if you are sure, remove it with "pulumi state delete".`
        : "correct the id, or use a super_admin user's credential of the key's environment.",
    });
  }
  if (props.apiKey !== undefined && displayIdOf(props.apiKey) !== listed.display_id) {
    throw new FlexpriceError({
      kind: "refused",
      reason: `the given apiKey is not this key: its display id would be ${displayIdOf(props.apiKey)}, this key's is ${listed.display_id}`,
      fix: "correct the id or the apiKey.",
    });
  }
  const owner = listed.user_type === "service_account" ? { serviceAccountId: listed.user_id } : {};
  return toState({ ...props, ...owner, name: listed.name }, listed, {
    apiKey: props.apiKey,
    tenantId: caller.tenant.id,
    environmentId: connection.chosenEnvironment,
  });
}
