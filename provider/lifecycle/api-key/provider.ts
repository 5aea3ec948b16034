import type { dynamic } from "@pulumi/pulumi";
import { z } from "zod";
import type { Connection } from "../../session/connection";
import { isYoung, retryWhileUnknown } from "../../session/replica-lag";
import {
  DURATION_RULE,
  durationFailure,
  durationMs,
  hasPassed,
  instantFailure,
  sameDuration,
} from "../../shared/duration";
import { FlexpriceError } from "../../shared/errors";
import { lazy } from "../../shared/lazy";
import { isKeyName, isWellFormed, KEY_NAME_RULE, NOT_WELL_FORMED } from "../../shared/names";
import { displayName, rememberSecret } from "../../shared/redaction";
import type { ProviderContext } from "../context";
import { type ChangeTable, diffByTable, toDiffResult } from "../diff";
import { accountId, connectionName, namePrefix } from "../fields";
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
import { deleteKey } from "./delete";
import { isRotation, predecessorsOf, successorsOf } from "./predecessors";
import { readKey } from "./read";
import { changedExpiry, dueReplacement, expiryFailures, isComputedAgain } from "./rotation";
import { type Inputs, type State, toState } from "./state";

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
      successorsOf(this.context, id).some((other) => !replaced.includes(other.id))
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
      await retryWhileUnknown(connection, serviceAccountId, () =>
        requireAccount(connection, serviceAccountId, operation),
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

  read(id: string, props: Partial<State> = {}): Promise<dynamic.ReadResult<State>> {
    return readKey(this.context, id, props);
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

  delete(id: string, props: State): Promise<void> {
    return deleteKey(this.context, id, props);
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
