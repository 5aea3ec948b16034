import type { dynamic } from "@pulumi/pulumi";
import { z } from "zod";
import type { Key, User } from "../../api/schemas";
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
import { FlexpriceError, operation } from "../../shared/errors";
import { lazy } from "../../shared/lazy";
import { displayName, quoted, rememberSecret } from "../../shared/redaction";
import { containsUnknown, isUnknown } from "../../shared/unknowns";
import { connectionChange, guardOldConnection } from "../connections";
import type { ProviderContext } from "../context";
import { type ChangeTable, type Diff, diffByTable, toDiffResult } from "../diff";
import { sharedWarning } from "../handover";
import { ownInputs, pickDefined, unlessUnknown } from "../inputs";
import {
  asCheckFailures,
  checkTenant,
  functionSettingsFailures,
  keyCreationFailures,
  loadPreviewContext,
  type PreviewContext,
} from "../preview-checks";
import { accountId, connectionName, keyName, namePrefix, toCheckFailures } from "../validation";
import { adoptable } from "./adoption";
import { deleteKey } from "./delete";
import { importKey } from "./import";
import { isRotation, predecessorsOf, recordLeftKeys, successorsOf } from "./predecessors";
import { readKey } from "./read";
import { changedExpiry, dueReplacement, expiryFailures, isComputedAgain } from "./rotation";
import { type Inputs, plannedState, type State, toState } from "./state";

const KEY_RULE = "must be the key itself, without white space or a line break";

/** The inputs of an API key. */
export const schema = lazy(() => {
  const lifetime = z.string(DURATION_RULE).superRefine(by(durationFailure));
  return z.strictObject({
    serviceAccountId: accountId().optional(),
    name: keyName().optional(),
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
      z.record(z.string(), unlessUnknown(z.string("must be a string")), "must be a map of strings"),
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

/** Turns a function that returns a failure message into a refinement. */
function by(rule: (text: string) => string | undefined) {
  return (text: string, at: z.RefinementCtx): void => {
    const message = rule(text);
    if (message !== undefined) at.addIssue({ code: "custom", message });
  };
}

/** The prefix of unique names if the inputs have none. The classes pass the logical name. */
const NAME_PREFIX = "api-key";

// namePrefix has no row: it only counts when the key is created.
function changeTable(
  context: ProviderContext,
): ChangeTable<"serviceAccountId" | "type" | "rotateBefore" | "onDelete" | "connection"> {
  return {
    serviceAccountId: { change: "replace" },
    type: { change: "replace" },
    rotateBefore: { change: "update", same: sameDuration },
    onDelete: {
      change: "update",
      same: (before, now) => (before ?? "revoke") === (now ?? "revoke"),
    },
    connection: connectionChange(context),
  };
}

/** The provider of API keys that the engine calls. */
export class ApiKeyProvider implements dynamic.ResourceProvider<Inputs, State> {
  /** A refresh and a destroy do not run the program, so they cannot show what it keeps or replaces. */
  private isProgramRun = false;

  constructor(private readonly context: ProviderContext) {}

  async check(olds: Partial<Inputs>, news: Inputs): Promise<dynamic.CheckResult<Inputs>> {
    this.isProgramRun = true;
    rememberSecret(news.adopt?.apiKey);
    const inputs: Inputs = { ...ownInputs(news), type: news.type ?? "private_key" };
    const replaced = this.context.diffedKeys.recheck(olds, inputs);
    if (replaced !== undefined) {
      this.context.adoptedIds.delete(replaced.id);
      recordLeftKeys(this.context, replaced);
    }
    const isCreate =
      Object.keys(olds).length === 0 || this.changes("", olds, inputs).replaced.length > 0;
    const adoptId: unknown = inputs.adopt?.id;
    if (typeof adoptId === "string") this.context.managed.want(adoptId);
    const preview = await loadPreviewContext(this.context, inputs.connection);
    const failures = this.inputFailures(inputs, isCreate, preview);
    failures.push(...functionSettingsFailures(this.context, news));
    if (failures.length === 0 && isCreate) {
      failures.push(...keyCreationFailures(preview, inputs.serviceAccountId !== undefined));
      failures.push(...(await this.ownerFailures(preview, inputs)));
      const isAdoption =
        inputs.adopt?.id !== olds.adopt?.id && this.completedAdoption(inputs) === undefined;
      if (isAdoption) failures.push(...(await this.adoptionFailures(preview, inputs)));
    }
    return { inputs, failures };
  }

  /** What is wrong with the inputs, whatever the state. */
  async validate(inputs: Inputs): Promise<dynamic.CheckFailure[]> {
    const preview = await loadPreviewContext(this.context, inputs.connection);
    return this.inputFailures(inputs, false, preview);
  }

  private inputFailures(
    inputs: Inputs,
    isCreate: boolean,
    preview: PreviewContext,
  ): dynamic.CheckFailure[] {
    const failures = toCheckFailures(schema().safeParse(inputs).error, Object.keys(schema().shape));
    if (failures.length === 0) {
      failures.push(...expiryFailures(inputs, isCreate, this.context.now(inputs.connection)));
    }
    return [...failures, ...preview.failures];
  }

  async diff(id: string, olds: State, given: Inputs): Promise<Diff> {
    const news: Inputs = ownInputs(given);
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
    const isSeenByEngine = diffedKeys.isSeenByEngine(news);
    const isReplaced = replaced.length > 0;
    const isLeftToEngine = isSeenByEngine && changed.length > 0;
    const what = `API key ${displayName(id, olds.name)}`;
    if (this.isProgramRun) {
      const urn = this.context.currentUrn();
      const diffed = { id, urn, olds, news, isReplaced, isLeftToEngine };
      const other = diffedKeys.record(diffed);
      recordLeftKeys(this.context, diffed);
      if (other !== undefined) await warn(sharedWarning(what, urn, other));
    }
    const isMoved = changed.includes("connection");
    const change = isReplaced ? "replace" : isMoved ? "change" : undefined;
    await checkTenant(this.context, olds, what, change);
    if (isReplaced) {
      guardOldConnection(this.context, what, olds, news);
      for (const warning of this.replacementWarnings(what, olds, news, changed, now))
        await warn(warning);
    } else if (this.isProgramRun && news.adopt?.id === id) {
      this.context.adoptedIds.add(id);
    }
    return toDiffResult({ changed, replaced, isSeenByEngine });
  }

  /** Warnings to show before the key is replaced. */
  private replacementWarnings(
    what: string,
    olds: State,
    news: Inputs,
    changed: readonly string[],
    now: number,
  ): string[] {
    if (hasPassed(olds.expiresAt, now)) return [];
    const isExpiring = olds.onDelete === "expire" && olds.expiresAt !== undefined;
    const warnings: string[] = [];
    if (isExpiring && !isRotation(this.context, olds, news)) {
      warnings.push(
        `${what} is revoked once its successor is created, although its onDelete is "expire": ${this.endOf(olds, news)}.`,
      );
    } else if (changed.includes("onDelete")) {
      const end = isExpiring ? "left to expire" : "revoked";
      warnings.push(
        `${what} is replaced under its current onDelete, and ${end}: the new onDelete only applies to its successor. To apply it earlier, run "pulumi up" with that change alone.`,
      );
    }
    if (changed.includes("expiresAt") && isComputedAgain(olds, news, now)) {
      warnings.push(
        `${what} is replaced because expiresAt has changed to an instant that is as far from now as the old one was when the key was created. If the program computes it from the current time, each "pulumi up" replaces the key: use expiresIn instead.`,
      );
    }
    return warnings;
  }

  /** Why a replacement ends a key that a rotation would have left to expire. */
  private endOf(olds: State, news: Inputs): string {
    const { serviceAccountId, userId, predecessors = [] } = olds;
    const others =
      predecessors.length === 0
        ? ""
        : `; so are the keys that rotations left to expire: ${predecessors.map((one) => one.id).join(", ")}`;
    const owner = serviceAccountId ?? userId;
    if (this.context.diffedAccounts.stays(owner) || serviceAccountId === news.serviceAccountId) {
      return `its successor is created for another service account, or through another connection${others}`;
    }
    return `its service account ${owner} is replaced, and its keys are revoked with it${others}`;
  }

  /** Whether the key belongs to another resource of the program, or is one of its predecessors. */
  private isTaken(id: string, inputs: Inputs): boolean {
    const { diffedKeys } = this.context;
    const replaced = diffedKeys.withInputs(inputs).map((one) => one.id);
    return (
      diffedKeys.holds(id) ||
      successorsOf(this.context, id).some((other) => !replaced.includes(other.id))
    );
  }

  /** The id that "adopt" names, if the resource that these inputs replace has adopted it already. */
  private completedAdoption(inputs: Inputs): string | undefined {
    const adoptId = inputs.adopt?.id;
    const isAdopted = this.context.diffedKeys
      .withInputs(inputs)
      .some(({ id, olds }) => adoptId === id || adoptId === olds.adoptedId);
    return isAdopted ? adoptId : undefined;
  }

  create(inputs: Inputs): Promise<dynamic.CreateResult<State>> {
    const { serviceAccountId, name, namePrefix = NAME_PREFIX } = inputs;
    const owner = serviceAccountId === undefined ? "" : ` for service account ${serviceAccountId}`;
    return operation(`create API key ${quoted(name ?? namePrefix)}${owner}`, () =>
      this.createOrAdopt(inputs),
    );
  }

  private async createOrAdopt(inputs: Inputs): Promise<dynamic.CreateResult<State>> {
    const connection = this.context.connect(inputs.connection);
    const caller = await connection.caller();
    const adoptedId = this.completedAdoption(inputs);
    const { adopt } = inputs;
    return adopt === undefined || adoptedId !== undefined
      ? await this.createKey(connection, caller, inputs, adoptedId)
      : await this.adopt(connection, caller, inputs, adopt);
  }

  private async adopt(
    connection: Connection,
    caller: User,
    inputs: Inputs,
    adopt: NonNullable<Inputs["adopt"]>,
  ): Promise<dynamic.CreateResult<State>> {
    const { managed, adoptedIds, diffedKeys } = this.context;
    const owner = inputs.serviceAccountId ?? caller.id;
    const listed = await this.findAdoptable(connection, adopt, inputs, owner);
    connection.forgetPending(caller.tenant.id, listed);
    managed.add(listed.id);
    adoptedIds.add(listed.id);
    const replaced = diffedKeys.takeReplaced(inputs);
    await diffedKeys.recordAdopted(listed.id, inputs);
    const now = connection.api.serverNow();
    return {
      id: listed.id,
      outs: toState(inputs, listed, {
        tenantId: caller.tenant.id,
        environmentId: connection.chosenEnvironment,
        apiKey: adopt.apiKey,
        adoptedId: listed.id,
        // The adopted key may be one of the predecessors.
        predecessors: predecessorsOf(this.context, replaced, inputs, now).filter(
          ({ id }) => id !== listed.id,
        ),
      }),
    };
  }

  private async createKey(
    connection: Connection,
    caller: User,
    inputs: Inputs,
    adoptedId: string | undefined,
  ): Promise<dynamic.CreateResult<State>> {
    const { name, namePrefix = NAME_PREFIX, type, serviceAccountId, expiresAt, expiresIn } = inputs;
    if (serviceAccountId !== undefined) {
      await retryWhileUnknown(connection, serviceAccountId, () =>
        requireAccount(connection, serviceAccountId),
      );
    }
    await connection.recover(this.context.warn);
    if (hasPassed(expiresAt, connection.api.serverNow())) {
      throw new FlexpriceError({
        kind: "refused",
        reason: `expiresAt (${expiresAt}) has passed: the server would create a key that never works`,
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
      caller,
    );
    // From here on nothing may fail: only this response has the value.
    const replaced = this.context.diffedKeys.takeReplaced(inputs);
    this.context.diffedKeys.recordCreated(secret.id, inputs, replaced !== undefined);
    return {
      id: secret.id,
      outs: toState(inputs, secret, {
        tenantId: caller.tenant.id,
        environmentId: connection.chosenEnvironment,
        apiKey: api_key,
        adoptedId,
        predecessors: predecessorsOf(this.context, replaced, inputs, Date.parse(secret.created_at)),
      }),
    };
  }

  read(id: string, props: Partial<State> = {}): Promise<dynamic.ReadResult<State>> {
    return operation(`read API key ${displayName(id, props.name)}`, () =>
      readKey(this.context, id, props),
    );
  }

  /** As {@link read}, for `pulumi import`: the state has nothing of the key yet. */
  import(id: string): Promise<dynamic.ReadResult<State>> {
    return operation(`import API key ${id}`, () => importKey(this.context, id));
  }

  async update(id: string, olds: State, news: Inputs): Promise<dynamic.UpdateResult<State>> {
    this.context.diffedKeys.recordUpdated(id);
    return { outs: this.plannedUpdate(olds, news) };
  }

  /** The outputs of {@link create}, as far as a preview can know them. */
  plannedCreate(inputs: Inputs): Readonly<Record<string, unknown>> {
    return plannedState(inputs);
  }

  /** The outputs of {@link update}, which concerns only the provider: nothing of the key changes on the server. */
  plannedUpdate(olds: State, news: Inputs): State {
    const {
      rotateBefore: _r,
      rotationTriggers: _t,
      onDelete: _o,
      connection: _c,
      autoName: _a,
      ...rest
    } = olds;
    const autoName = news.name === undefined ? { autoName: olds.name } : {};
    return {
      ...rest,
      ...autoName,
      ...pickDefined(
        news,
        "namePrefix",
        "rotateBefore",
        "rotationTriggers",
        "onDelete",
        "connection",
      ),
    };
  }

  delete(id: string, props: State): Promise<void> {
    return operation(`revoke API key ${displayName(id, props.name)}`, () =>
      deleteKey(this.context, id, props),
    );
  }

  /** The inputs that differ from the state. */
  private changes(
    id: string,
    olds: Partial<State>,
    news: Inputs,
  ): { changed: string[]; replaced: string[] } {
    const { changed, replaced } = diffByTable(changeTable(this.context), olds, news);
    // Without a name in the program, the key keeps its name.
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
    preview: PreviewContext,
    inputs: Inputs,
  ): Promise<dynamic.CheckFailure[]> {
    const { serviceAccountId } = inputs;
    if (
      preview.connection === undefined ||
      serviceAccountId === undefined ||
      isUnknown(serviceAccountId)
    ) {
      return [];
    }
    const { connection } = preview;
    const failures = await asCheckFailures("serviceAccountId", () =>
      operation(`create a key for ${serviceAccountId}`, () =>
        requireAccount(connection, serviceAccountId),
      ),
    );
    // A read replica may not know a young account yet: create retries for a while.
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
    return await asCheckFailures("adopt", async () => {
      const { id, name } = await this.findAdoptable(connection, adopt, inputs, owner);
      await this.context.inform(
        `Takes over API key ${displayName(id, name)} instead of creating one.`,
      );
    });
  }

  private findAdoptable(
    connection: Connection,
    adopt: NonNullable<Inputs["adopt"]>,
    inputs: Inputs,
    owner: string | undefined,
  ): Promise<Key> {
    return operation(`adopt API key ${displayName(adopt.id, inputs.name)}`, () =>
      adoptable(connection, adopt, inputs, owner, this.isTaken(adopt.id, inputs)),
    );
  }
}

async function requireAccount(connection: Connection, id: string): Promise<void> {
  if ((await connection.reads.account(id)) !== undefined) return;
  throw new FlexpriceError({
    kind: "not_found",
    reason: `the credential's tenant has no service account ${id}, or it is archived; Flexprice would create a working key for an archived account`,
    fix: "correct serviceAccountId; pass the output id of a ServiceAccount resource instead of a string, so that both are replaced together.",
  });
}

/** Whether the program adopts another key. Once the adoption is done, replacements create new keys. */
function adoptsDifferentKey(id: string, olds: Partial<State>, { adopt }: Inputs): boolean {
  if (adopt === undefined || id === "") return false;
  return isUnknown(adopt) || (adopt.id !== id && adopt.id !== olds.adoptedId);
}

/** The first triggers of a key are only recorded: there are no earlier ones to compare with. */
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
