import type { dynamic } from "@pulumi/pulumi";
import { z } from "zod";
import type { Connection } from "../api/connection";
import { displayIdOf } from "../api/ids";
import { hasStoppedWorking, ownerByUse, seesEveryKey } from "../api/proof";
import type { User } from "../api/wire";
import { FlexpriceError, isFailure } from "../errors";
import { once } from "../once";
import { rememberSecret } from "../redaction";
import { adoptable } from "./api-key-adoption";
import { changedExpiry, dueReplacement, expiryFailures, isLeftToExpire } from "./api-key-expiry";
import { type Inputs, isComplete, kept, present, type State, stateOf } from "./api-key-state";
import { durationMs, hasPassed, sameDuration } from "./expiry";
import { accountId, connectionName, namePrefix } from "./fields";
import { guardTenant } from "./guards";
import {
  type ChangeTable,
  diffByTable,
  isLetGo,
  label,
  optional,
  ownInputs,
  type Surroundings,
  toCheckFailures,
  toDiffResult,
} from "./lifecycle";
import { isKeyName, isWellFormed, KEY_NAME_RULE, NOT_WELL_FORMED } from "./names";
import { type Ahead, foreseen, foreseeTenant, keyCreationFailures, lookAhead } from "./preflight";
import { containsUnknown, isUnknown, onceKnown } from "./unknowns";

const KEY_RULE = "must be the key itself, without white space or a line break";
const LIFETIME_RULE = 'must be a number and a unit, e.g. "90d", "12h" or "30m"';
const schema = once(() => {
  const lifetime = z
    .string(LIFETIME_RULE)
    .refine((text) => durationMs(text) !== undefined, LIFETIME_RULE);
  return z.strictObject({
    serviceAccountId: accountId().optional(),
    name: onceKnown(
      z
        .string("must be a text")
        .refine(isKeyName, KEY_NAME_RULE)
        .refine(isWellFormed, NOT_WELL_FORMED),
    ).optional(),
    namePrefix: namePrefix().optional(),
    type: onceKnown(
      z.enum(["private_key", "publishable_key"], "must be private_key or publishable_key"),
    ),
    expiresAt: onceKnown(
      z.iso.datetime({
        offset: true,
        error: 'must be an instant as in RFC 3339, e.g. "2030-06-01T12:00:00Z"',
      }),
    ).optional(),
    expiresIn: onceKnown(lifetime).optional(),
    rotateBefore: onceKnown(lifetime).optional(),
    rotationTriggers: onceKnown(
      z.record(z.string(), onceKnown(z.string("must be a text")), "must be a map of texts"),
    ).optional(),
    onDelete: onceKnown(z.enum(["revoke", "expire"], 'must be "revoke" or "expire"')).optional(),
    adopt: onceKnown(
      z.strictObject(
        {
          id: onceKnown(
            z.string().regex(/^secret_\w+$/, 'must be the id of an API key ("secret_…")'),
          ),
          apiKey: onceKnown(z.string(KEY_RULE).regex(/^[\x21-\x7e]+$/, KEY_RULE)),
        },
        "must hold the id and the apiKey of an existing key",
      ),
    ).optional(),
    connection: connectionName().optional(),
  });
});

/** What a unique name begins with where nothing else is known: the class hands the logical name over. */
const NAME_PREFIX = "api-key";

// namePrefix has no row: it counts when the key is made, and not again.
const CHANGES: ChangeTable<
  "serviceAccountId" | "type" | "rotateBefore" | "onDelete" | "connection"
> = {
  serviceAccountId: { change: "replace" },
  type: { change: "replace" },
  rotateBefore: { change: "update", same: sameDuration },
  onDelete: { change: "update", same: (before, now) => (before ?? "revoke") === (now ?? "revoke") },
  connection: { change: "replace" },
};

/** The life of an API key, as the engine calls it. */
export class ApiKeyLifecycle implements dynamic.ResourceProvider<Inputs, State> {
  constructor(private readonly surroundings: Surroundings) {}

  async check(olds: Partial<Inputs>, news: Inputs): Promise<dynamic.CheckResult<Inputs>> {
    rememberSecret(news.adopt?.apiKey);
    const inputs: Inputs = { ...ownInputs(news), type: news.type ?? "private_key" };
    const toBeMade =
      Object.keys(olds).length === 0 || this.changes("", olds, inputs).replaced.length > 0;
    const failures = toCheckFailures(schema().safeParse(inputs).error);
    const adopted: unknown = inputs.adopt?.id;
    if (typeof adopted === "string") this.surroundings.managed.want(adopted);
    const ahead = await lookAhead(this.surroundings, inputs.connection);
    if (failures.length === 0) {
      const now = this.surroundings.now(inputs.connection);
      failures.push(...expiryFailures(inputs, toBeMade, now));
    }
    failures.push(...ahead.failures);
    if (failures.length === 0 && toBeMade) {
      failures.push(...keyCreationFailures(ahead, inputs.serviceAccountId !== undefined));
      failures.push(...(await this.ownerFailures(ahead, inputs)));
      // A change of a key that was adopted before is the matter of diff, which has the advice for it.
      if (inputs.adopt?.id !== olds.adopt?.id)
        failures.push(...(await this.adoptionFailures(ahead, inputs)));
    }
    return { inputs, failures };
  }

  async diff(id: string, olds: State, news: Inputs): Promise<dynamic.DiffResult> {
    this.surroundings.managed.add(id);
    const { warn } = this.surroundings;
    const now = this.surroundings.now(olds.connection);
    const { changed, replaced } = this.changes(id, olds, news);
    if (replaced.includes("serviceAccountId") && isLeftToExpire(olds, now)) {
      await warn(
        `API key ${label(id, olds.name)} goes on working until ${olds.expiresAt} (onDelete: "expire"): service account ${olds.serviceAccountId ?? olds.userId} cannot be archived before then, unless it has forceDestroy, which revokes the key.`,
      );
    }
    const due = replaced.length === 0 ? dueReplacement(id, olds, news, now) : undefined;
    if (due !== undefined) {
      await warn(due.reason);
      changed.push(due.property);
      replaced.push(due.property);
    }
    if (replaced.length > 0 && news.adopt !== undefined && news.adopt.id === id) {
      throw new FlexpriceError({
        kind: "refused",
        attempted: `replace API key ${label(id, olds.name)}`,
        answer: `a change of ${replaced.join(", ")} replaces it, but "adopt" names this same key`,
        advice: 'remove "adopt" from the resource: its work is done, and a new key is then made.',
      });
    }
    if (replaced.length > 0 && !isLeftToExpire(olds, now)) {
      await foreseeTenant(this.surroundings, olds, `replace API key ${label(id, olds.name)}`);
    }
    if (news.adopt?.id === id) this.surroundings.adopted.add(id);
    if (replaced.length > 0 && changed.includes("onDelete") && !hasPassed(olds.expiresAt, now)) {
      const end = isLeftToExpire(olds, now) ? "left to its expiry" : "revoked";
      await warn(
        `API key ${label(id, olds.name)} is replaced with the onDelete that it has, and ${end}: a change of onDelete is for its successor. To have it count before, run "pulumi up" with that change alone.`,
      );
    }
    return toDiffResult({ changed, replaced });
  }

  async create(inputs: Inputs): Promise<dynamic.CreateResult<State>> {
    const { serviceAccountId, name, namePrefix = NAME_PREFIX, type } = inputs;
    const attempted = `create API key ${JSON.stringify(name ?? namePrefix)}${serviceAccountId === undefined ? "" : ` for service account ${serviceAccountId}`}`;
    const connection = this.surroundings.connect(inputs.connection, attempted);
    const caller = await connection.caller();
    const owner = serviceAccountId ?? caller.id;
    const whereabouts = { tenantId: caller.tenant.id, environmentId: connection.chosenEnvironment };
    if (inputs.adopt !== undefined) {
      const { managed, adopted } = this.surroundings;
      const listed = await adoptable(connection, inputs.adopt, inputs, owner, managed);
      connection.forgetPending(caller.tenant.id, listed);
      managed.add(listed.id);
      adopted.add(listed.id);
      return {
        id: listed.id,
        outs: stateOf(inputs, listed, { apiKey: inputs.adopt.apiKey, ...whereabouts }),
      };
    }
    if (serviceAccountId !== undefined)
      await requireAccount(connection, serviceAccountId, attempted);
    await connection.recover(this.surroundings.warn);
    const { expiresAt, expiresIn } = inputs;
    if (hasPassed(expiresAt, connection.routes.serverNow())) {
      throw new FlexpriceError({
        kind: "refused",
        attempted,
        answer: `expiresAt (${expiresAt}) has passed: the server would make a key that never works`,
        advice: "set a later expiresAt.",
      });
    }
    const { secret, api_key } = await connection.creates.key(
      {
        name,
        namePrefix,
        type,
        expiresAt,
        lifetimeMs: expiresIn === undefined ? undefined : durationMs(expiresIn),
        accountId: serviceAccountId,
      },
      { caller, attempted },
    );
    // From here on nothing may fail: the value exists in this answer only.
    return {
      id: secret.id,
      outs: stateOf(inputs, secret, { apiKey: api_key, ...whereabouts }),
    };
  }

  async read(id: string, props: Partial<State> = {}): Promise<dynamic.ReadResult<State>> {
    this.surroundings.managed.add(id);
    rememberSecret(props.apiKey);
    const attempted = `read API key ${label(id, props.name)}`;
    const connection = this.surroundings.connect(props.connection, attempted);
    const caller = await guardTenant(connection, props.tenantId, attempted);
    await connection.remindOfPending(this.surroundings.warn);
    if (!isComplete(props)) return await this.readForeign(connection, id, props, caller, attempted);
    guardEnvironment(connection, props, attempted);
    // A list never shows a publishable key, and it opens nothing: only its expiry can be told, by the clock.
    if (props.type === "publishable_key") return kept(id, props);
    if (!seesEveryKey(caller) && props.userId !== caller.id) {
      return await this.readUnseen(connection, id, props, caller);
    }
    const listed = await connection.directory.key(id, props.userId);
    if (listed !== undefined) {
      const archived =
        props.serviceAccountId !== undefined &&
        (await connection.directory.account(props.serviceAccountId)) === undefined;
      if (archived) {
        await this.surroundings.warn(
          `Service account ${props.serviceAccountId} of API key ${label(id, props.name)} is archived, and the key still works: replace or delete it.`,
        );
      }
      return present(id, props, listed, archived);
    }
    // An expired key does not work anywhere, so using it proves nothing about this environment; the next up
    // replaces it in any case.
    if (hasPassed(props.expiresAt, this.surroundings.now(props.connection))) return kept(id, props);
    const dead = await hasStoppedWorking(connection, props.apiKey, this.surroundings.sleep);
    if (!dead) throw foreignEnvironment(connection, attempted);
    const stillUnlisted = !(await connection.directory.freshKeysOf(props.userId)).some(
      (key) => key.id === id,
    );
    return stillUnlisted ? { id: "", props } : kept(id, props);
  }

  async update(_id: string, olds: State, news: Inputs): Promise<dynamic.UpdateResult<State>> {
    // Whatever can be updated concerns the provider alone: the key and what the server knows of it stay.
    const { rotateBefore: _r, rotationTriggers: _t, onDelete: _o, autoName: _a, ...rest } = olds;
    const autoName = news.name === undefined ? { autoName: olds.name } : {};
    return {
      outs: {
        ...rest,
        ...autoName,
        ...optional(news, "namePrefix", "rotateBefore", "rotationTriggers", "onDelete"),
      },
    };
  }

  async delete(id: string, props: State): Promise<void> {
    rememberSecret(props.apiKey);
    this.surroundings.managed.add(id);
    if (await isLetGo(this.surroundings, id, `API key ${label(id, props.name)}`)) return;
    if (isLeftToExpire(props, this.surroundings.now(props.connection))) {
      const unless =
        props.userType === "service_account"
          ? "; deleting its service account with forceDestroy revokes it"
          : "";
      await this.surroundings.warn(
        `API key ${label(id, props.name)} is not revoked but left to its expiry at ${props.expiresAt} (onDelete: "expire")${unless}.`,
      );
      return;
    }
    const attempted = `revoke API key ${label(id, props.name)}`;
    const connection = this.surroundings.connect(props.connection, attempted);
    await guardTenant(connection, props.tenantId, attempted);
    guardEnvironment(connection, props, attempted);
    await connection.recover(this.surroundings.warn);
    try {
      await connection.routes.revokeKey(id, attempted);
    } catch (error) {
      if (!isFailure(error, "not_found")) throw error;
      await this.proveUnusable(connection, props, error);
    }
    connection.directory.dropKey(id);
  }

  /** What of the inputs asks for something else than the state holds. */
  private changes(
    id: string,
    olds: Partial<State>,
    news: Inputs,
  ): { changed: string[]; replaced: string[] } {
    const { changed, replaced } = diffByTable(CHANGES, olds, news);
    // Without a name in the program the key keeps the one that it has: nothing on the server changes it.
    const isRenamed = news.name !== undefined && news.name !== olds.name;
    const triggers = changedTriggers(olds.rotationTriggers, news.rotationTriggers);
    const replacing = [
      isRenamed ? "name" : undefined,
      changedExpiry(olds, news),
      adoptsAnother(id, news) ? "adopt" : undefined,
      triggers === "replace" ? "rotationTriggers" : undefined,
    ].filter((property) => property !== undefined);
    const updating = triggers === "update" ? ["rotationTriggers"] : [];
    return {
      changed: [...changed, ...replacing, ...updating],
      replaced: [...replaced, ...replacing],
    };
  }

  private async ownerFailures(ahead: Ahead, inputs: Inputs): Promise<dynamic.CheckFailure[]> {
    const { serviceAccountId } = inputs;
    if (
      ahead.connection === undefined ||
      serviceAccountId === undefined ||
      isUnknown(serviceAccountId)
    ) {
      return [];
    }
    const { connection } = ahead;
    const attempted = `make a key for ${serviceAccountId}`;
    return await foreseen("serviceAccountId", () =>
      requireAccount(connection, serviceAccountId, attempted),
    );
  }

  private async adoptionFailures(
    { connection, caller }: Ahead,
    inputs: Inputs,
  ): Promise<dynamic.CheckFailure[]> {
    const { adopt, serviceAccountId = caller?.id, ...others } = inputs;
    if (connection === undefined || adopt === undefined || containsUnknown([adopt, others]))
      return [];
    const owner = isUnknown(serviceAccountId) ? undefined : serviceAccountId;
    return await foreseen("adopt", () =>
      adoptable(connection, adopt, inputs, owner, this.surroundings.managed),
    );
  }

  /** A key of somebody else, read by a caller to whom the list does not show it: what it can tell, it tells itself. */
  private async readUnseen(
    connection: Connection,
    id: string,
    props: State,
    caller: User,
  ): Promise<dynamic.ReadResult<State>> {
    const works = (await ownerByUse(connection.routes, props.apiKey)) !== undefined;
    if (!works && !hasPassed(props.expiresAt, this.surroundings.now(props.connection))) {
      await this.surroundings.warn(
        `API key ${label(id, props.name)} is not accepted by the server, but the credential from ${connection.credentialSource} (${caller.type} ${caller.id}) cannot see whether it was revoked; its state is kept. Refresh with a super_admin user's credential.`,
      );
    }
    return kept(id, props);
  }

  /** The read behind `ApiKey.get`: a key that this stack does not manage. */
  private async readForeign(
    connection: Connection,
    id: string,
    props: Partial<State>,
    caller: User,
    attempted: string,
  ): Promise<dynamic.ReadResult<State>> {
    const listed = await connection.directory.keyOfAnyone(id);
    if (listed === undefined) {
      throw new FlexpriceError({
        kind: "not_found",
        attempted,
        answer: `the credential from ${connection.credentialSource} sees no key with this id: it is revoked, publishable, of another environment${seesEveryKey(caller) ? "" : ", or of another owner"}`,
        advice: "correct the id, or use a super_admin user's credential of the key's environment.",
      });
    }
    if (props.apiKey !== undefined && displayIdOf(props.apiKey) !== listed.display_id) {
      throw new FlexpriceError({
        kind: "refused",
        attempted,
        answer: `the given apiKey is not this key: its display id would be ${displayIdOf(props.apiKey)}, this key's is ${listed.display_id}`,
        advice: "correct the id or the apiKey.",
      });
    }
    const { apiKey, ...rest } = stateOf({ ...props, name: listed.name }, listed, {
      apiKey: props.apiKey ?? "",
      tenantId: caller.tenant.id,
      environmentId: connection.chosenEnvironment,
    });
    return { id, props: (apiKey === "" ? rest : { ...rest, apiKey }) as State };
  }

  /** A key that the server does not find is deleted only if it does not work any more. */
  private async proveUnusable(
    connection: Connection,
    props: State,
    error: FlexpriceError,
  ): Promise<void> {
    if (props.type === "publishable_key") {
      if (hasPassed(props.expiresAt, connection.routes.serverNow())) return;
      throw error.during(
        error.attempted,
        'use a credential of the environment in which the key was made. A publishable key cannot be tried out: if you are sure that it is revoked, remove it from the state with "pulumi state delete".',
      );
    }
    if (!(await hasStoppedWorking(connection, props.apiKey, this.surroundings.sleep))) {
      throw foreignEnvironment(connection, error.attempted);
    }
  }
}

async function requireAccount(
  connection: Connection,
  id: string,
  attempted: string,
): Promise<void> {
  if ((await connection.directory.account(id)) !== undefined) return;
  throw new FlexpriceError({
    kind: "not_found",
    attempted,
    answer: `the credential's tenant has no service account ${id}, or it is archived; Flexprice would make a working key for an archived account`,
    advice:
      "correct serviceAccountId; pass the id of a ServiceAccount resource instead of a text to keep them together.",
  });
}

function guardEnvironment(connection: Connection, props: State, attempted: string): void {
  const chosen = connection.chosenEnvironment;
  if (props.environmentId === undefined || chosen === undefined || chosen === props.environmentId)
    return;
  throw new FlexpriceError({
    kind: "wrong_environment",
    attempted,
    answer: `it belongs to environment ${props.environmentId}, the settings name ${chosen}`,
    advice: "set flexprice:environmentId to the key's environment.",
  });
}

function foreignEnvironment(connection: Connection, attempted: string): FlexpriceError {
  return new FlexpriceError({
    kind: "wrong_environment",
    attempted,
    answer: `the key still works, but the environment of the credential from ${connection.credentialSource} does not have it: it was made in another environment`,
    advice:
      "use a credential of the environment in which the key was made. If the key was revoked elsewhere a moment ago, run the command again in two minutes.",
  });
}

function adoptsAnother(id: string, { adopt }: Inputs): boolean {
  return adopt !== undefined && id !== "" && (isUnknown(adopt) || adopt.id !== id);
}

/** The first triggers of a key are only written down: there is nothing yet that they could differ from. */
function changedTriggers(before: unknown, now: unknown): "update" | "replace" | undefined {
  if (before === undefined) return now === undefined ? undefined : "update";
  if (containsUnknown(now) || !isMap(before) || !isMap(now)) return "replace";
  const names = Object.keys(before);
  const same =
    names.length === Object.keys(now).length && names.every((name) => before[name] === now[name]);
  return same ? undefined : "replace";
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
