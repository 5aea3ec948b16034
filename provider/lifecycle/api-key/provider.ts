import type { dynamic } from "@pulumi/pulumi";
import { z } from "zod";
import { displayIdOf } from "../../api/ids";
import type { User } from "../../api/schemas";
import type { Connection } from "../../session/connection";
import { guardOwnCredential, guardOwnCredentialAmong, guardTenant } from "../../session/guards";
import { authenticateWithKey, confirmRevoked, seesEveryKey } from "../../session/key-verification";
import { isYoung, retryDespiteLag } from "../../session/replica-lag";
import {
  DURATION_RULE,
  durationFailure,
  durationMs,
  hasPassed,
  instantFailure,
  sameDuration,
} from "../../shared/duration";
import { FlexpriceError, isFailure } from "../../shared/errors";
import { lazy } from "../../shared/lazy";
import { isKeyName, isWellFormed, KEY_NAME_RULE, NOT_WELL_FORMED } from "../../shared/names";
import { displayName, rememberSecret } from "../../shared/redaction";
import type { ProviderContext } from "../context";
import { type ChangeTable, diffByTable, toDiffResult } from "../diff";
import type { Diffed } from "../diffed-resources";
import { accountId, connectionName, namePrefix } from "../fields";
import { isHandedOver, isReplacedByItself, replacedByItself, WITHOUT_ADOPT } from "../handover";
import {
  asCheckFailures,
  assertTenantInPreview,
  functionSettingsFailures,
  keyCreationFailures,
  loadPreviewContext,
  type PreviewContext,
  warnOfForeignTenant,
} from "../preview-checks";
import { omitProvider, pickDefined } from "../properties";
import { containsUnknown, isUnknown, unlessUnknown } from "../unknowns";
import { toCheckFailures } from "../validation";
import { adoptable } from "./adoption";
import { changedExpiry, dueReplacement, expiryFailures, isComputedAgain } from "./rotation";
import {
  type Inputs,
  isComplete,
  type Predecessor,
  refreshed,
  type State,
  toState,
  unchanged,
} from "./state";

const KEY_RULE = "must be the key itself, without white space or a line break";
const schema = lazy(() => {
  const lifetime = z.string(DURATION_RULE).superRefine(by(durationFailure));
  return z.strictObject({
    serviceAccountId: accountId().optional(),
    name: unlessUnknown(
      z
        .string("must be a text")
        .refine(isKeyName, KEY_NAME_RULE)
        .refine(isWellFormed, NOT_WELL_FORMED),
    ).optional(),
    namePrefix: namePrefix().optional(),
    type: unlessUnknown(
      z.enum(["private_key", "publishable_key"], "must be private_key or publishable_key"),
    ),
    expiresAt: unlessUnknown(
      z.iso
        .datetime({
          offset: true,
          error: 'must be an instant as in RFC 3339, e.g. "2030-06-01T12:00:00Z"',
        })
        .superRefine(by(instantFailure)),
    ).optional(),
    expiresIn: unlessUnknown(lifetime).optional(),
    rotateBefore: unlessUnknown(lifetime).optional(),
    rotationTriggers: unlessUnknown(
      z.record(z.string(), unlessUnknown(z.string("must be a text")), "must be a map of texts"),
    ).optional(),
    onDelete: unlessUnknown(
      z.enum(["revoke", "expire"], 'must be "revoke" or "expire"'),
    ).optional(),
    adopt: unlessUnknown(
      z.strictObject(
        {
          id: unlessUnknown(
            z.string().regex(/^secret_\w+$/, 'must be the id of an API key ("secret_…")'),
          ),
          apiKey: unlessUnknown(z.string(KEY_RULE).regex(/^[\x21-\x7e]+$/, KEY_RULE)),
        },
        "must hold the id and the apiKey of an existing key",
      ),
    ).optional(),
    connection: connectionName().optional(),
  });
});

/** A rule of a schema, from what it says of a value. */
function by(rule: (text: string) => string | undefined) {
  return (text: string, at: z.RefinementCtx): void => {
    const message = rule(text);
    if (message !== undefined) at.addIssue({ code: "custom", message });
  };
}

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
export class ApiKeyProvider implements dynamic.ResourceProvider<Inputs, State> {
  /** A refresh and a destroy run no program: nothing of what they show is kept or replaced by one. */
  private isProgramRun = false;

  constructor(private readonly context: ProviderContext) {}

  async check(olds: Partial<Inputs>, news: Inputs): Promise<dynamic.CheckResult<Inputs>> {
    this.isProgramRun = true;
    rememberSecret(news.adopt?.apiKey);
    const inputs: Inputs = { ...omitProvider(news), type: news.type ?? "private_key" };
    const replaced = this.context.diffedKeys.recheck(olds, inputs);
    if (replaced !== undefined) this.context.adopted.delete(replaced.id);
    const toBeMade =
      Object.keys(olds).length === 0 || this.changes("", olds, inputs).replaced.length > 0;
    const failures = toCheckFailures(schema().safeParse(inputs).error, Object.keys(schema().shape));
    const adopted: unknown = inputs.adopt?.id;
    if (typeof adopted === "string") this.context.managed.want(adopted);
    const ahead = await loadPreviewContext(this.context, inputs.connection);
    if (failures.length === 0) {
      const now = this.context.now(inputs.connection);
      failures.push(...expiryFailures(inputs, toBeMade, now));
    }
    failures.push(...ahead.failures, ...functionSettingsFailures(this.context, news));
    if (failures.length === 0 && toBeMade) {
      failures.push(...keyCreationFailures(ahead, inputs.serviceAccountId !== undefined));
      failures.push(...(await this.ownerFailures(ahead, inputs)));
      const isAdoption =
        inputs.adopt?.id !== olds.adopt?.id && this.spentAdoption(inputs) === undefined;
      if (isAdoption) failures.push(...(await this.adoptionFailures(ahead, inputs)));
    }
    return { inputs, failures };
  }

  async diff(id: string, olds: State, given: Inputs): Promise<dynamic.DiffResult> {
    const news: Inputs = omitProvider(given);
    const { managed, warn, diffedKeys } = this.context;
    for (const held of [{ id }, ...(olds.predecessors ?? [])]) managed.add(held.id);
    const now = this.context.now(olds.connection);
    const { changed, replaced } = this.changes(id, olds, news);
    const due = replaced.length === 0 ? dueReplacement(id, olds, news, now) : undefined;
    if (due !== undefined) await warn(due.reason);
    if (due?.property !== undefined) {
      changed.push(due.property);
      replaced.push(due.property);
    }
    const isSeenByEngine = diffedKeys.hasChangedInputs(news);
    const isReplaced = replaced.length > 0;
    const isLeftToEngine = isSeenByEngine && changed.length > 0;
    if (this.isProgramRun) diffedKeys.note({ id, olds, news, isReplaced, isLeftToEngine });
    if (replaced.length > 0) {
      await assertTenantInPreview(
        this.context,
        olds,
        `replace API key ${displayName(id, olds.name)}`,
      );
      for (const remark of this.replacementRemarks(id, olds, news, changed, now))
        await warn(remark);
    } else {
      await warnOfForeignTenant(this.context, olds, `API key ${displayName(id, olds.name)}`);
      if (this.isProgramRun && news.adopt?.id === id) this.context.adopted.add(id);
    }
    return toDiffResult({ changed, replaced, isSeenByEngine });
  }

  /** What a user should know before the key is replaced. */
  private replacementRemarks(
    id: string,
    olds: State,
    news: Inputs,
    changed: readonly string[],
    now: number,
  ): string[] {
    const key = `API key ${displayName(id, olds.name)}`;
    if (hasPassed(olds.expiresAt, now)) return [];
    const isExpiring = olds.onDelete === "expire" && olds.expiresAt !== undefined;
    const remarks: string[] = [];
    if (isExpiring && !isRotation(olds, news)) {
      remarks.push(
        `${key} is revoked once its successor is made, although its onDelete is "expire": ${this.endOf(olds, news)}.`,
      );
    } else if (changed.includes("onDelete")) {
      const end = isExpiring ? "left to its expiry" : "revoked";
      remarks.push(
        `${key} is replaced with the onDelete that it has, and ${end}: a change of onDelete is for its successor. To have it count before, run "pulumi up" with that change alone.`,
      );
    }
    if (changed.includes("expiresAt") && isComputedAgain(olds, news, now)) {
      remarks.push(
        `${key} is replaced because expiresAt is another instant than before, as far from now as that was when the key was made. If the program computes it from the current time, each "pulumi up" replaces the key: use expiresIn instead.`,
      );
    }
    return remarks;
  }

  /** Why a key ends that a rotation would have left to its expiry. */
  private endOf(olds: State, news: Inputs): string {
    const { serviceAccountId, userId, predecessors = [] } = olds;
    const others =
      predecessors.length === 0
        ? ""
        : `, and so do the keys that rotations have left: ${predecessors.map((one) => one.id).join(", ")}`;
    const owner = serviceAccountId ?? userId;
    if (this.context.diffedAccounts.stays(owner) || serviceAccountId === news.serviceAccountId) {
      return `its successor is made for another service account, or through another connection${others}`;
    }
    return `its service account ${owner} is replaced, and its keys end with it${others}`;
  }

  /** Whether another resource of the program has a key, or is to end it: a rotation of that one has left it. */
  private isTaken(id: string, inputs: Inputs): boolean {
    const { diffedKeys } = this.context;
    const replaced = diffedKeys.withInputs(inputs).map((one) => one.id);
    return (
      diffedKeys.holds(id) ||
      diffedKeys
        .all()
        .some(
          (other) =>
            !replaced.includes(other.id) && other.olds.predecessors?.some((one) => one.id === id),
        )
    );
  }

  /** The id that "adopt" names, where a resource of this program has taken it over and is replaced by this one. */
  private spentAdoption(inputs: Inputs): string | undefined {
    const adopted = inputs.adopt?.id;
    const isSpent = this.context.diffedKeys
      .withInputs(inputs)
      .some(({ id, olds }) => adopted === id || adopted === olds.adoptedId);
    return isSpent ? adopted : undefined;
  }

  async create(inputs: Inputs): Promise<dynamic.CreateResult<State>> {
    const { serviceAccountId, name, namePrefix = NAME_PREFIX, type } = inputs;
    const operation = `create API key ${JSON.stringify(name ?? namePrefix)}${serviceAccountId === undefined ? "" : ` for service account ${serviceAccountId}`}`;
    const connection = this.context.connect(inputs.connection, operation);
    const caller = await connection.caller();
    const owner = serviceAccountId ?? caller.id;
    const adoptedId = this.spentAdoption(inputs);
    const whereabouts = {
      tenantId: caller.tenant.id,
      environmentId: connection.chosenEnvironment,
      adoptedId,
    };
    if (inputs.adopt !== undefined && adoptedId === undefined) {
      const { managed, adopted, diffedKeys } = this.context;
      const isHeld = this.isTaken(inputs.adopt.id, inputs);
      const listed = await adoptable(connection, inputs.adopt, inputs, owner, isHeld);
      connection.forgetPending(caller.tenant.id, listed);
      managed.add(listed.id);
      adopted.add(listed.id);
      const replaced = diffedKeys.claim(inputs);
      diffedKeys.noteMade(listed.id, inputs, true);
      // A key that a rotation has left may be the very one that comes back.
      const predecessors = predecessorsOf(replaced, inputs, connection.api.serverNow()).filter(
        ({ id }) => id !== listed.id,
      );
      return {
        id: listed.id,
        outs: toState(inputs, listed, {
          ...whereabouts,
          apiKey: inputs.adopt.apiKey,
          adoptedId: listed.id,
          predecessors,
        }),
      };
    }
    if (serviceAccountId !== undefined) {
      await retryDespiteLag(
        connection.platform,
        () => requireAccount(connection, serviceAccountId, operation),
        (error) => isFailure(error, "not_found") && isYoung(connection, serviceAccountId),
      );
    }
    await connection.recover(this.context.warn);
    const { expiresAt, expiresIn } = inputs;
    if (hasPassed(expiresAt, connection.api.serverNow())) {
      throw new FlexpriceError({
        kind: "refused",
        operation,
        reason: `expiresAt (${expiresAt}) has passed: the server would make a key that never works`,
        fix: "set a later expiresAt.",
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
      { caller, operation },
    );
    // From here on nothing may fail: the value exists in this answer only.
    const replaced = this.context.diffedKeys.claim(inputs);
    this.context.diffedKeys.noteMade(secret.id, inputs, replaced !== undefined);
    return {
      id: secret.id,
      outs: toState(inputs, secret, {
        ...whereabouts,
        apiKey: api_key,
        predecessors: predecessorsOf(replaced, inputs, Date.parse(secret.created_at)),
      }),
    };
  }

  async read(id: string, props: Partial<State> = {}): Promise<dynamic.ReadResult<State>> {
    this.context.managed.add(id);
    rememberSecret(props.apiKey);
    const operation = `read API key ${displayName(id, props.name)}`;
    const connection = this.context.connect(props.connection, operation);
    const caller = await guardTenant(connection, props.tenantId, operation);
    await connection.remindOfPending(this.context.warn);
    if (!isComplete(props)) return await this.readForeign(connection, id, props, caller, operation);
    guardEnvironment(connection, props, operation);
    // A list never shows a publishable key, and it opens nothing: only its expiry can be told, by the clock.
    if (props.type === "publishable_key") return unchanged(id, props);
    if (!seesEveryKey(caller) && props.userId !== caller.id) {
      return await this.readUnseen(connection, id, props, caller);
    }
    const listed = await connection.directory.key(id, props.userId);
    if (listed !== undefined) {
      const archived =
        props.serviceAccountId !== undefined &&
        (await connection.directory.account(props.serviceAccountId)) === undefined;
      if (archived) {
        await this.context.warn(
          `Service account ${props.serviceAccountId} of API key ${displayName(id, props.name)} is archived, and the key still works: replace or delete it.`,
        );
      }
      return refreshed(id, props, listed, archived);
    }
    // An expired key does not work anywhere, so using it proves nothing about this environment; the next up
    // replaces it in any case.
    if (hasPassed(props.expiresAt, this.context.now(props.connection))) return unchanged(id, props);
    if (isYoung(connection, id)) {
      await this.context.warn(
        `API key ${displayName(id, props.name)} is not listed by the server, but it was made less than ten minutes ago, and a read replica may not know it yet: its state is kept. Refresh again later.`,
      );
      return unchanged(id, props);
    }
    const dead = await confirmRevoked(connection, props.apiKey, this.context.sleep);
    if (!dead) throw foreignEnvironment(connection, operation);
    const listedNow = (await connection.directory.freshKeysOf(props.userId)).map((key) => key.id);
    if (listedNow.includes(id)) return unchanged(id, props);
    const left = this.unexpired(props).filter((one) => listedNow.includes(one.id));
    await this.context.warn(
      `API key ${displayName(id, props.name)} was revoked outside of this program: it leaves the state, and the next "pulumi up" makes another in its place.${forgotten(left)}`,
    );
    return { id: "", props };
  }

  async update(id: string, olds: State, news: Inputs): Promise<dynamic.UpdateResult<State>> {
    this.context.diffedKeys.noteUpdated(id);
    // Whatever can be updated concerns the provider alone: the key and what the server knows of it stay.
    const { rotateBefore: _r, rotationTriggers: _t, onDelete: _o, autoName: _a, ...rest } = olds;
    const autoName = news.name === undefined ? { autoName: olds.name } : {};
    return {
      outs: {
        ...rest,
        ...autoName,
        ...pickDefined(news, "namePrefix", "rotateBefore", "rotationTriggers", "onDelete"),
      },
    };
  }

  async delete(id: string, props: State): Promise<void> {
    rememberSecret(props.apiKey);
    const { managed, diffedKeys, warn } = this.context;
    for (const held of [{ id }, ...(props.predecessors ?? [])]) managed.add(held.id);
    const operation = `revoke API key ${displayName(id, props.name)}`;
    const { namePrefix } = props;
    if (isReplacedByItself(this.context, { id, namePrefix }, diffedKeys.madeWith(id))) {
      throw replacedByItself(operation);
    }
    this.guardSuccession(props, operation);
    const stays = diffedKeys.stays(id);
    const isHeld = stays && diffedKeys.get(id)?.olds.adoptedId === id;
    const what = `API key ${displayName(id, props.name)}`;
    if (await isHandedOver(this.context, id, what, { isHeld, stays })) return;
    const connection = this.context.connect(props.connection, operation);
    // Whatever refuses a deletion comes first: a key that is let go has left the state.
    const caller = await guardTenant(connection, props.tenantId, operation);
    guardEnvironment(connection, props, operation);
    diffedKeys.noteDeleted(props);
    const predecessors = (props.predecessors ?? []).filter((one) => !this.isCarriedOn(id, one));
    if (this.isLeftToExpire(id, props)) {
      const left = this.unexpired({ ...props, predecessors });
      await warn(
        `API key ${displayName(id, props.name)} is not revoked but left to its expiry at ${props.expiresAt} (onDelete: "expire").${forgotten(left)}`,
      );
      return;
    }
    guardOwnCredential(connection, props.apiKey, operation);
    const ids = predecessors.map((one) => one.id);
    await guardOwnCredentialAmong(connection, ids, { caller, ownerId: props.userId, operation });
    await connection.recover(warn);
    await this.revoke(connection, id, props, operation);
    for (const predecessor of predecessors) {
      await this.revokePredecessor(connection, predecessor, props.userId);
    }
  }

  /**
   * With --replace the engine asks for no diff, and nothing told that "adopt" was done: a key that a rotation has left
   * would come back in place of its successor.
   * @throws FlexpriceError of kind `refused`.
   */
  private guardSuccession(
    { adoptedId, namePrefix, predecessors = [] }: State,
    operation: string,
  ): void {
    const { diffedKeys } = this.context;
    if (adoptedId === undefined || !predecessors.some(({ id }) => id === adoptedId)) return;
    const before = { id: adoptedId, namePrefix };
    if (!isReplacedByItself(this.context, before, diffedKeys.madeWith(adoptedId))) return;
    throw new FlexpriceError({
      kind: "refused",
      operation,
      reason: `the program still has "adopt" for API key ${adoptedId}, which this key had replaced, and took that over again`,
      fix: WITHOUT_ADOPT,
    });
  }

  /**
   * Whether a rotation has put another key in its place, which goes on beside it. Nothing is said of time: a clock may
   * be wrong, and what has expired is as well left.
   */
  private isLeftToExpire(id: string, props: State): boolean {
    const { diffedKeys } = this.context;
    if (props.onDelete !== "expire" || props.expiresAt === undefined) return false;
    // What the program has and the engine deletes all the same, it replaces.
    const replaced = diffedKeys.get(id);
    if (replaced !== undefined) return isRotation(replaced.olds, replaced.news);
    // An earlier run may have made the successor, and been cut off.
    const isFollowed = diffedKeys
      .all()
      .some(
        ({ olds }) =>
          olds.predecessors?.some((one) => one.id === id) || isOldSuccessor(olds, props),
      );
    // With --replace the engine asks for no diff.
    return isFollowed || diffedKeys.takeSuccessor((inputs) => isSuccessor(inputs, props));
  }

  /** Whether another key of the program has taken over to end what an earlier rotation has left. */
  private isCarriedOn(id: string, predecessor: Predecessor): boolean {
    const { diffedKeys } = this.context;
    const replaced = diffedKeys.get(id);
    return (
      (replaced !== undefined && isRotation(replaced.olds, replaced.news)) ||
      diffedKeys.holds(predecessor.id) ||
      diffedKeys
        .all()
        .some(
          (other) =>
            other.id !== id && other.olds.predecessors?.some((one) => one.id === predecessor.id),
        )
    );
  }

  private async revoke(
    connection: Connection,
    id: string,
    props: State,
    operation: string,
  ): Promise<void> {
    try {
      await retryDespiteLag(
        connection.platform,
        () => connection.api.revokeKey(id, operation),
        (error) => isFailure(error, "not_found") && isYoung(connection, id),
      );
    } catch (error) {
      if (!isFailure(error, "not_found")) throw error;
      await this.proveUnusable(connection, props, error);
      if (isYoung(connection, id) && !hasPassed(props.expiresAt, connection.api.serverNow())) {
        throw error.during(
          operation,
          "run the command again in ten minutes: the key was made a moment ago, and what the server does not know of it yet proves nothing.",
        );
      }
    }
    connection.directory.clearKey(id, props.userId);
  }

  private async revokePredecessor(
    connection: Connection,
    { id, expiresAt }: Predecessor,
    ownerId: string,
  ): Promise<void> {
    const { warn } = this.context;
    const operation = `revoke API key ${id}, which a rotation left to its expiry`;
    try {
      await retryDespiteLag(
        connection.platform,
        () => connection.api.revokeKey(id, operation),
        (error) => isFailure(error, "not_found") && isYoung(connection, id),
      );
    } catch (error) {
      if (!isFailure(error, "not_found", "forbidden")) throw error;
      const reason =
        error.kind === "forbidden"
          ? `cannot be revoked with the credential from ${connection.credentialSource}`
          : `is unknown to the environment of the credential from ${connection.credentialSource}, and could not be revoked`;
      // It ends by itself, and a deletion that failed for it would fail each time.
      await warn(
        `API key ${id}, which a rotation has left to its expiry at ${expiresAt}, ${reason}. ${error.reason}`,
      );
      return;
    }
    connection.directory.clearKey(id, ownerId);
    // It is revoked in any case: a clock that is wrong must not leave it alive.
    if (hasPassed(expiresAt, connection.api.earliestNow())) return;
    await warn(
      `API key ${id}, which a rotation had left to its expiry at ${expiresAt}, has been revoked together with its successor.`,
    );
  }

  private unexpired({ predecessors = [], connection }: State): readonly Predecessor[] {
    const now = this.context.now(connection);
    return predecessors.filter(({ expiresAt }) => !hasPassed(expiresAt, now));
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
      adoptsDifferentKey(id, olds, news) ? "adopt" : undefined,
      triggers === "replace" ? "rotationTriggers" : undefined,
    ].filter((property) => property !== undefined);
    const updating = triggers === "update" ? ["rotationTriggers"] : [];
    return {
      changed: [...changed, ...replacing, ...updating],
      replaced: [...replaced, ...replacing],
    };
  }

  private async ownerFailures(
    ahead: PreviewContext,
    inputs: Inputs,
  ): Promise<dynamic.CheckFailure[]> {
    const { serviceAccountId } = inputs;
    if (
      ahead.connection === undefined ||
      serviceAccountId === undefined ||
      isUnknown(serviceAccountId)
    ) {
      return [];
    }
    const { connection } = ahead;
    const operation = `make a key for ${serviceAccountId}`;
    const failures = await asCheckFailures("serviceAccountId", () =>
      requireAccount(connection, serviceAccountId, operation),
    );
    // A read replica may not know it yet: create asks again for a while.
    return isYoung(connection, serviceAccountId) ? [] : failures;
  }

  private async adoptionFailures(
    { connection, caller }: PreviewContext,
    inputs: Inputs,
  ): Promise<dynamic.CheckFailure[]> {
    const { adopt, serviceAccountId = caller?.id, ...others } = inputs;
    if (connection === undefined || adopt === undefined || containsUnknown([adopt, others]))
      return [];
    const owner = isUnknown(serviceAccountId) ? undefined : serviceAccountId;
    return await asCheckFailures("adopt", () =>
      adoptable(connection, adopt, inputs, owner, this.isTaken(adopt.id, inputs)),
    );
  }

  /** A key of somebody else, read by a caller to whom the list does not show it: what it can tell, it tells itself. */
  private async readUnseen(
    connection: Connection,
    id: string,
    props: State,
    caller: User,
  ): Promise<dynamic.ReadResult<State>> {
    const works = (await authenticateWithKey(connection.api, props.apiKey)) !== undefined;
    if (!works && !hasPassed(props.expiresAt, this.context.now(props.connection))) {
      await this.context.warn(
        `API key ${displayName(id, props.name)} is not accepted by the server, but the credential from ${connection.credentialSource} (${caller.type} ${caller.id}) cannot see whether it was revoked; its state is kept. Refresh with a super_admin user's credential.`,
      );
    }
    return unchanged(id, props);
  }

  /** The read behind `ApiKey.get`: a key that this stack does not manage. */
  private async readForeign(
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

  /** A key that the server does not find is deleted only if it does not work any more. */
  private async proveUnusable(
    connection: Connection,
    props: State,
    error: FlexpriceError,
  ): Promise<void> {
    if (props.type === "publishable_key") {
      if (hasPassed(props.expiresAt, connection.api.serverNow())) return;
      throw error.during(
        error.operation,
        'use a credential of the environment in which the key was made. A publishable key cannot be tried out: if you are sure that it is revoked, remove it from the state with "pulumi state delete".',
      );
    }
    if (!(await confirmRevoked(connection, props.apiKey, this.context.sleep))) {
      throw foreignEnvironment(connection, error.operation);
    }
  }
}

/** Whether the key's owner and whereabouts stay when it is replaced, so that it may go on working beside its successor. */
function isRotation(olds: State, news: Inputs): boolean {
  return olds.serviceAccountId === news.serviceAccountId && olds.connection === news.connection;
}

/** The keys that are left to their own expiry once the key with these inputs is made; `now` by the server's clock. */
function predecessorsOf(
  replaced: Diffed<State, Inputs> | undefined,
  inputs: Inputs,
  now: number,
): Predecessor[] {
  if (replaced === undefined || !isRotation(replaced.olds, inputs)) return [];
  const { id, olds } = replaced;
  const before = (olds.predecessors ?? []).filter(({ expiresAt }) => !hasPassed(expiresAt, now));
  return olds.onDelete === "expire" && olds.expiresAt !== undefined
    ? [...before, { id, expiresAt: olds.expiresAt }]
    : before;
}

/** What to say of keys that nothing ends any more but their expiry. */
function forgotten(predecessors: readonly Predecessor[]): string {
  if (predecessors.length === 0) return "";
  const named = predecessors.map(({ id, expiresAt }) => `${id} (until ${expiresAt})`).join(", ");
  return ` Keys that rotations have left go on to their expiry, and no state tells of them any more: ${named}. To end one before, revoke it in Flexprice.`;
}

/** Whether a key of these inputs was made in place of the other. */
function isSuccessor(inputs: Inputs, props: State): boolean {
  const isNamedAlike =
    inputs.name === undefined
      ? inputs.namePrefix === (props.namePrefix ?? props.name)
      : inputs.name === props.name;
  return isNamedAlike && inputs.type === props.type && isRotation(props, inputs);
}

/** States of older releases tell no predecessors. There a key and its successor have one name. */
function isOldSuccessor(olds: State, props: State): boolean {
  return (
    props.namePrefix === undefined &&
    olds.namePrefix === undefined &&
    olds.name === props.name &&
    Date.parse(olds.createdAt) > Date.parse(props.createdAt) &&
    isRotation(props, olds)
  );
}

async function requireAccount(
  connection: Connection,
  id: string,
  operation: string,
): Promise<void> {
  if ((await connection.directory.account(id)) !== undefined) return;
  throw new FlexpriceError({
    kind: "not_found",
    operation,
    reason: `the credential's tenant has no service account ${id}, or it is archived; Flexprice would make a working key for an archived account`,
    fix: "correct serviceAccountId; pass the id of a ServiceAccount resource instead of a text to keep them together.",
  });
}

function guardEnvironment(connection: Connection, props: State, operation: string): void {
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

function foreignEnvironment(connection: Connection, operation: string): FlexpriceError {
  return new FlexpriceError({
    kind: "wrong_environment",
    operation,
    reason: `the key still works, but the environment of the credential from ${connection.credentialSource} does not have it: it was made in another environment`,
    fix: "use a credential of the environment in which the key was made. If the key was revoked elsewhere a moment ago, run the command again in two minutes.",
  });
}

/** Once the state holds what "adopt" names, a later key of the resource is one of its own. */
function adoptsDifferentKey(id: string, olds: Partial<State>, { adopt }: Inputs): boolean {
  if (adopt === undefined || id === "") return false;
  return isUnknown(adopt) || (adopt.id !== id && adopt.id !== olds.adoptedId);
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
