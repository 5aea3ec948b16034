import type { dynamic } from "@pulumi/pulumi";
import { z } from "zod";
import type { Key, User } from "../api/schemas";
import { isUniqueNameOf, prefixOf } from "../session/auto-name";
import type { Connection } from "../session/connection";
import { UnnamedAccount } from "../session/creates";
import { guardOwnAccount, guardTenant } from "../session/guards";
import { archiveAccount, unlessHidden, visibleActiveKeys } from "../session/key-verification";
import { isYoung, retryDespiteLag, retryWhileUnknown } from "../session/replica-lag";
import { FlexpriceError, isFailure, SHOWN_BY_ENGINE } from "../shared/errors";
import { lazy } from "../shared/lazy";
import { ACCOUNT_NAME_RULE, isAccountName, isWellFormed, NOT_WELL_FORMED } from "../shared/names";
import { displayName, quoted } from "../shared/redaction";
import { roleProblems, sameRoles, uniqueSorted } from "../shared/roles";
import type { State as KeyState } from "./api-key/state";
import type { ProviderContext } from "./context";
import { type ChangeTable, diffByTable, toDiffResult } from "./diff";
import { accountId, connectionName, namePrefix } from "./fields";
import { isHandedOver, isReplacedByItself, replacedByItself } from "./handover";
import {
  accountCreationFailures,
  asCheckFailures,
  assertTenantInPreview,
  functionSettingsFailures,
  loadPreviewContext,
  type PreviewContext,
  warnOfForeignTenant,
} from "./preview-checks";
import { omitProvider, pickDefined } from "./properties";
import { containsUnknown, isUnknown, unlessUnknown } from "./unknowns";
import { checkFailure, toCheckFailures } from "./validation";

export interface Inputs {
  /** Absent: a unique name, which `autoName` keeps. */
  readonly name?: string;
  readonly namePrefix?: string;
  readonly roles: string[];
  readonly forceDestroy?: boolean;
  readonly adopt?: string;
  readonly connection?: string;
}

export interface State extends Inputs {
  /** What the server calls it. */
  readonly name: string;
  /** What it is to be called where the program names none. */
  readonly autoName?: string;
  readonly tenantId: string;
}

const NO_ROLE = "Service accounts must have at least one role assigned";

const schema = lazy(() =>
  z.strictObject({
    name: unlessUnknown(
      z
        .string(ACCOUNT_NAME_RULE)
        .refine(isAccountName, ACCOUNT_NAME_RULE)
        .refine(isWellFormed, NOT_WELL_FORMED),
    ).optional(),
    namePrefix: namePrefix().optional(),
    roles: unlessUnknown(
      z
        .array(unlessUnknown(z.string("must be the name of a role")), {
          error: ({ input }) =>
            input === undefined || input === null ? NO_ROLE : "must be a list of roles",
        })
        .min(1, NO_ROLE),
    ),
    forceDestroy: unlessUnknown(z.boolean("must be true or false")).optional(),
    adopt: accountId().optional(),
    connection: connectionName().optional(),
  }),
);

/** Between two searches that have to agree that an account is gone, in milliseconds. */
const SECOND_LOOK_MS = 2_000;

/** What a unique name begins with where nothing else is known: the class hands the logical name over. */
const NAME_PREFIX = "service-account";

// namePrefix has no row: it counts when the account is made, and not again.
const CHANGES: ChangeTable<"name" | "roles" | "forceDestroy" | "connection"> = {
  name: { change: "update" },
  roles: { change: "replace", same: sameRoles },
  forceDestroy: { change: "update", same: (before, now) => (before ?? false) === (now ?? false) },
  connection: { change: "replace" },
};

/** A create that made something which is not as it should be. The engine keeps it, and calls update in the next up. */
export class PartlyCreated extends Error {
  readonly reasons: readonly string[];

  constructor(
    readonly id: string,
    readonly properties: Readonly<Record<string, unknown>>,
    reason: string,
  ) {
    super(reason);
    this.reasons = [reason];
    this.stack = SHOWN_BY_ENGINE;
  }
}

/** The life of a service account, as the engine calls it. */
export class ServiceAccountProvider implements dynamic.ResourceProvider<Inputs, State> {
  /** A refresh and a destroy run no program: nothing of what they show is kept or replaced by one. */
  private isProgramRun = false;

  constructor(private readonly context: ProviderContext) {}

  async check(olds: Partial<Inputs>, news: Inputs): Promise<dynamic.CheckResult<Inputs>> {
    this.isProgramRun = true;
    const inputs = omitProvider(news);
    const replaced = this.context.diffedAccounts.recheck(olds, normalized(inputs));
    if (replaced !== undefined) this.context.adopted.delete(replaced.id);
    const failures = toCheckFailures(schema().safeParse(inputs).error, Object.keys(schema().shape));
    if (isKnownText(inputs.adopt)) this.context.managed.want(inputs.adopt);
    const ahead = await loadPreviewContext(this.context, news.connection);
    const roles = Array.isArray(news.roles) ? news.roles.filter(isKnownText) : [];
    failures.push(...ahead.failures, ...functionSettingsFailures(this.context, news));
    failures.push(
      ...roleProblems(roles, ahead.offered).map((reason) => checkFailure("roles", reason)),
    );
    const checked = failures.length === 0 ? normalized(inputs) : inputs;
    if (failures.length === 0 && willCreate(olds, inputs)) {
      failures.push(
        ...(inputs.adopt === olds.adopt ||
        inputs.adopt === undefined ||
        this.isAdoptionSpent(checked)
          ? await accountCreationFailures(ahead, roles)
          : await this.adoptionFailures(ahead, inputs)),
      );
    }
    return { inputs: checked, failures };
  }

  async diff(id: string, olds: State, given: Inputs): Promise<dynamic.DiffResult> {
    const news: Inputs = omitProvider(given);
    const { managed, adopted, diffedAccounts, warn } = this.context;
    managed.add(id);
    const name = desiredName(olds, news);
    const byTable = diffByTable(CHANGES, olds, { ...news, name });
    // Once the state holds what "adopt" names, a later account of the resource is one of its own.
    const adoptsDifferentId =
      news.adopt !== undefined && news.adopt !== id && news.adopt !== olds.adopt;
    const adopting = adoptsDifferentId ? ["adopt"] : [];
    const replaced: string[] = [...byTable.replaced, ...adopting];
    const changed: string[] = [...byTable.changed, ...adopting];
    // Written down without a request, so that drift from it shows. States of older releases stay as they are.
    const hasNoneYet = olds.autoName === undefined && olds.name !== "";
    if (news.name === undefined && hasNoneYet && olds.namePrefix !== undefined) {
      changed.push("name");
    }
    const isReplaced = replaced.length > 0;
    const isSeenByEngine = diffedAccounts.hasChangedInputs(news);
    if (this.isProgramRun) {
      const isLeftToEngine = isSeenByEngine && changed.length > 0;
      diffedAccounts.note({ id, olds, news, isReplaced, isLeftToEngine });
    }
    if (isReplaced || changed.includes("name")) {
      await assertTenantInPreview(
        this.context,
        olds,
        `change service account ${displayName(id, olds.name)}`,
      );
    } else {
      await warnOfForeignTenant(
        this.context,
        olds,
        `Service account ${displayName(id, olds.name)}`,
      );
    }
    if (name !== olds.name && news.name === undefined && !isReplaced) {
      await warn(
        `Service account ${id} was renamed outside of Pulumi: it is called ${quoted(olds.name)}, and its own name is ${quoted(name)}. "pulumi up" gives it that name back, unless ignoreChanges has "name"; to keep the new one, set "name" to it.`,
      );
    }
    if (this.isProgramRun && news.adopt === id && !isReplaced) adopted.add(id);
    return toDiffResult({ changed, replaced, isSeenByEngine });
  }

  async create(inputs: Inputs): Promise<dynamic.CreateResult<State>> {
    const { name, namePrefix = NAME_PREFIX, roles, adopt } = inputs;
    const operation = `create service account ${quoted(name ?? namePrefix)}`;
    const connection = this.context.connect(inputs.connection, operation);
    const caller = await connection.caller();
    if (adopt !== undefined && !this.isAdoptionSpent(inputs)) {
      // Before anything is recovered: a note of this account would have it archived.
      const account = await this.adopt(connection, adopt, inputs, caller.tenant.id);
      this.context.diffedAccounts.noteMade(account.id, inputs, true);
      return { id: account.id, outs: createdState(inputs, account) };
    }
    await connection.recover(this.context.warn);
    try {
      const account = await connection.creates.account(
        { name, namePrefix, roles },
        { caller, operation },
      );
      this.context.diffedAccounts.noteMade(account.id, inputs, true);
      return { id: account.id, outs: createdState(inputs, account) };
    } catch (error) {
      if (!(error instanceof UnnamedAccount)) throw error;
      const { account, failure: reason } = error;
      // Pulumi keeps it as partly made, and calls update in the next up. The host adds nothing to these properties.
      // A refresh in between forgets that; it then shows by the name that is the account's own as yet.
      throw new PartlyCreated(
        account.id,
        { ...inputs, ...createdState(inputs, account), autoName: account.name },
        reason.during(
          `rename service account ${displayName(account.id, account.name)} to ${quoted(name ?? "")}`,
          'run "pulumi up" again: the account is in the state, and gets its name then.',
        ).message,
      );
    }
  }

  async read(id: string, props: Partial<State> = {}): Promise<dynamic.ReadResult<State>> {
    this.context.managed.add(id);
    const operation = `read service account ${displayName(id, props.name)}`;
    const connection = this.context.connect(props.connection, operation);
    const { tenant } = await guardTenant(connection, props.tenantId, operation);
    await connection.remindOfPending(this.context.warn);
    let account: User | undefined;
    try {
      account = await connection.directory.account(id);
    } catch (error) {
      if (!isFailure(error, "forbidden") || !isComplete(props)) throw error;
      await this.context.warn(
        `Service account ${displayName(id, props.name)} is not visible to the credential from ${connection.credentialSource}; its state is kept as it was. ${error.reason}`,
      );
      return { id, props };
    }
    if (account !== undefined) {
      const isLagging = isYoung(connection, id) && hasFirstName(props, account);
      const shown = isLagging ? { ...account, name: props.name ?? account.name } : account;
      return refreshed(id, props, shown, tenant.id);
    }
    if (isComplete(props)) {
      return (await this.isGone(connection, id, props)) ? { id: "", props } : { id, props };
    }
    throw new FlexpriceError({
      kind: "not_found",
      operation,
      reason: `tenant ${tenant.id} has no service account with this id that is not archived`,
      fix: "correct the id, or the credential if the account belongs to another tenant.",
    });
  }

  /** An empty answer is no proof: the server may not show yet, or not here, what is there. */
  private async isGone(connection: Connection, id: string, { name }: State): Promise<boolean> {
    const kept = (reason: string) =>
      this.context.warn(
        `Service account ${displayName(id, name)} is not shown by the server, but ${reason}: its state is kept. Refresh again later.`,
      );
    if (isYoung(connection, id)) {
      await kept("it was made less than ten minutes ago, and a read replica may not know it yet");
      return false;
    }
    await this.context.sleep(SECOND_LOOK_MS);
    if ((await connection.inventory.account(id)) !== undefined) return false;
    const owned = (await visibleKeys(connection, id)).find(
      (key) => key.service_account_name !== undefined,
    );
    if (owned === undefined) {
      await this.context.warn(
        `Service account ${displayName(id, name)} was archived outside of this program: it leaves the state, and the next "pulumi up" makes another in its place.`,
      );
      return true;
    }
    await kept(`key ${owned.id} names it as its owner`);
    return false;
  }

  async update(id: string, olds: State, news: Inputs): Promise<dynamic.UpdateResult<State>> {
    this.context.diffedAccounts.noteUpdated(id);
    const name = desiredName(olds, news);
    const operation = `rename service account ${displayName(id, olds.name)} to ${quoted(name)}`;
    if (name !== olds.name) {
      const connection = this.context.connect(news.connection, operation);
      await guardTenant(connection, olds.tenantId, operation);
      await connection.recover(this.context.warn);
      await this.rename(connection, id, name, operation);
    }
    const autoName = autoNameFor(news, name);
    return { outs: state(news, { name, roles: olds.roles }, olds.tenantId, autoName) };
  }

  async delete(id: string, props: State): Promise<void> {
    this.context.managed.add(id);
    const { diffedAccounts } = this.context;
    const operation = `archive service account ${displayName(id, props.name)}`;
    const { namePrefix } = props;
    if (isReplacedByItself(this.context, { id, namePrefix }, diffedAccounts.madeWith(id))) {
      throw replacedByItself(operation);
    }
    const stays = diffedAccounts.stays(id);
    const isHeld = stays && diffedAccounts.get(id)?.olds.adopt === id;
    const what = `Service account ${displayName(id, props.name)}`;
    if (await isHandedOver(this.context, id, what, { isHeld, stays })) return;
    const connection = this.context.connect(props.connection, operation);
    guardOwnAccount(connection, await guardTenant(connection, props.tenantId, operation), {
      id,
      operation,
    });
    await connection.recover(this.context.warn);
    try {
      await this.archiveOnceFree(connection, id, operation);
    } catch (error) {
      if (!isFailure(error, "has_active_keys")) throw error;
      const keys = await visibleActiveKeys(connection, id);
      if (props.forceDestroy !== true) throw blockedBy(keys, error, false);
      this.guardUsedKeys(id, keys, error);
      for (const key of keys) {
        const revoking = `revoke API key ${displayName(key.id, key.name)}`;
        await retryWhileUnknown(connection, key.id, () =>
          connection.api.revokeKey(key.id, revoking),
        );
        connection.directory.clearKey(key.id, id);
        await this.context.warn(
          `API key ${listed(key)} was in the way of archiving service account ${displayName(id, props.name)}, and has been revoked (forceDestroy).`,
        );
      }
      try {
        await this.archive(connection, id, operation);
      } catch (again) {
        throw isFailure(again, "has_active_keys") ? blockedBy([], again, true) : again;
      }
    }
    connection.directory.clearAccount(id);
  }

  /**
   * With --target the engine shows nothing of the other resources, so that one of their keys looks like a stranger's:
   * only its name tells that a program may use it, this one or that of another stack. What is like an older key of a
   * resource that is shown, a rotation with --replace has left.
   * @throws FlexpriceError of kind `refused`.
   */
  private guardUsedKeys(id: string, keys: readonly Key[], error: FlexpriceError): void {
    const { diffedKeys, managed } = this.context;
    const used = keys.filter(({ id }) => diffedKeys.stays(id));
    if (used.length > 0) throw stillUsed(used, error);
    if (!this.isProgramRun) return;
    const shown = diffedKeys.states().filter(({ serviceAccountId }) => serviceAccountId === id);
    const unseen = keys.filter(
      (key) =>
        !managed.has(key.id) &&
        prefixOf(key.name) !== undefined &&
        !shown.some((state) => mayBeLeftBy(state, key)),
    );
    if (unseen.length > 0) throw perhapsUsed(unseen, error);
  }

  /** Archives; where keys that a killed run has made are in the way, once those are settled. */
  private async archiveOnceFree(
    connection: Connection,
    id: string,
    operation: string,
  ): Promise<void> {
    try {
      await this.archive(connection, id, operation);
    } catch (error) {
      if (!isFailure(error, "has_active_keys")) throw error;
      const names = (await visibleActiveKeys(connection, id)).map(({ name }) => name);
      if (!(await connection.waitForKeys(names, this.context.warn))) throw error;
      await this.archive(connection, id, operation);
    }
  }

  /** A server that does not know yet what this process has just done is asked again. */
  private async archive(connection: Connection, id: string, operation: string): Promise<void> {
    try {
      await retryDespiteLag(
        connection.platform,
        async () => {
          const unknown = await archiveAccount(connection, id, operation);
          if (unknown !== undefined && isYoung(connection, id)) throw unknown;
        },
        async (error) => {
          if (error.kind === "not_found") return isYoung(connection, id);
          if (error.kind !== "has_active_keys") return false;
          const keys = await visibleActiveKeys(connection, id);
          // Of an account that an earlier run has replaced the engine does not know what depends on it.
          if (keys.some((key) => this.isEnding(key.id))) return true;
          return keys.length === 0 && connection.directory.hasRevokedKeysOf(id);
        },
      );
    } catch (error) {
      if (!isFailure(error, "not_found") || !isYoung(connection, id)) throw error;
      throw error.during(
        operation,
        "run the command again in ten minutes: the account was made a moment ago, and what the server does not know of it yet proves nothing.",
      );
    }
  }

  /** Whether this run is to end the key, or is about to: its resource is shown, and goes. */
  private isEnding(keyId: string): boolean {
    const { managed, adopted, diffedKeys } = this.context;
    return managed.has(keyId) && !diffedKeys.stays(keyId) && !adopted.has(keyId);
  }

  private async rename(
    connection: Connection,
    id: string,
    newName: string,
    operation: string,
  ): Promise<User> {
    try {
      const account = await retryWhileUnknown(connection, id, () =>
        connection.api.renameAccount(id, newName, operation),
      );
      connection.directory.primeAccount(account);
      return account;
    } catch (error) {
      if (!isFailure(error, "not_found", "invalid")) throw error;
      throw error.during(
        operation,
        'run "pulumi refresh" to see whether the account still exists, then "pulumi up" again.',
      );
    }
  }

  /** Whether a resource of this program has taken over what "adopt" names, and is replaced by this one. */
  private isAdoptionSpent(inputs: Inputs): boolean {
    return this.context.diffedAccounts
      .withInputs(inputs)
      .some(({ id, olds }) => inputs.adopt === id || inputs.adopt === olds.adopt);
  }

  private async adoptionFailures(
    ahead: PreviewContext,
    news: Inputs,
  ): Promise<dynamic.CheckFailure[]> {
    const { connection } = ahead;
    if (connection === undefined || containsUnknown([news.adopt, news.roles])) return [];
    return await asCheckFailures("adopt", () =>
      this.adoptable(connection, String(news.adopt), news),
    );
  }

  private async adoptable(connection: Connection, id: string, inputs: Inputs): Promise<User> {
    const operation = `adopt service account ${id}`;
    guardOwnAccount(connection, await connection.caller(), { id, operation });
    if (this.context.diffedAccounts.holds(id)) {
      throw new FlexpriceError({
        kind: "refused",
        operation,
        reason: "a resource of this stack manages it already",
        fix: 'remove "adopt" from this resource: a replacement then gets an account of its own.',
      });
    }
    const account = await connection.directory.account(id);
    if (account === undefined) {
      throw new FlexpriceError({
        kind: "not_found",
        operation,
        reason: "the credential's tenant has no service account with this id that is not archived",
        fix: 'correct the id, or remove "adopt" to have an account created.',
      });
    }
    if (!sameRoles(account.roles, inputs.roles)) {
      throw new FlexpriceError({
        kind: "refused",
        operation,
        reason: `it has the roles ${uniqueSorted(account.roles).join(", ")}, the program asks for ${uniqueSorted(inputs.roles).join(", ")}`,
        fix: "set roles to those of the account: Flexprice fixes them at creation.",
      });
    }
    return account;
  }

  private async adopt(
    connection: Connection,
    id: string,
    inputs: Inputs,
    tenantId: string,
  ): Promise<User> {
    const account = await this.adoptable(connection, id, inputs);
    connection.forgetPending(tenantId, account);
    this.context.managed.add(id);
    const adopted =
      inputs.name === undefined || account.name === inputs.name
        ? account
        : await this.rename(
            connection,
            id,
            inputs.name,
            `rename the adopted service account ${id} to ${quoted(inputs.name)}`,
          );
    this.context.adopted.add(id);
    return adopted;
  }
}

/** As `visibleActiveKeys`, with those that have expired; questions for several accounts share requests. */
function visibleKeys(connection: Connection, id: string): Promise<readonly Key[]> {
  return unlessHidden(() => connection.inventory.keys(id));
}

function stillUsed(keys: readonly Key[], { operation, reason }: FlexpriceError): FlexpriceError {
  const named = keys.map(({ id, name }) => displayName(id, name)).join(", ");
  return new FlexpriceError({
    kind: "refused",
    operation,
    reason: `${reason}; of those, this program goes on using ${named}`,
    fix: 'run "pulumi up" without --target, so that the keys are replaced with their account, or remove them from the program first.',
  });
}

/** Whether rotations of a key's resource may have left the other one: it then expires, and is the older one. */
function mayBeLeftBy({ namePrefix = "", createdAt }: KeyState, key: Key): boolean {
  return (
    isUniqueNameOf(namePrefix, key.name) &&
    key.expires_at != null &&
    Date.parse(key.created_at) <= Date.parse(createdAt)
  );
}

/** A key as messages list it. */
function listed({ id, name, display_id }: Key, more = ""): string {
  return `${quoted(name)} (${id}, ${display_id}${more})`;
}

function perhapsUsed(keys: readonly Key[], { operation, reason }: FlexpriceError): FlexpriceError {
  const named = keys.map(({ id, name }) => displayName(id, name)).join(", ");
  return new FlexpriceError({
    kind: "refused",
    operation,
    reason: `${reason}; of those, ${named} may be in use: the name is one that this provider makes, and this run has nothing to do with the key`,
    fix: 'run "pulumi up" without --target, so that the stack\'s keys are replaced with their account. If the key is another stack\'s, run that one first; if no stack has it any more, revoke it ("npx pulumi-flexprice orphans" lists such keys).',
  });
}

function blockedBy(keys: readonly Key[], error: FlexpriceError, isForced: boolean): FlexpriceError {
  const named = keys.map((key) =>
    listed(key, key.expires_at == null ? "" : `, until ${key.expires_at}`),
  );
  const expire = keys.length > 0 && keys.every((key) => key.expires_at != null);
  const seen =
    named.length === 0 ? "none of them is visible here" : `visible here: ${named.join(", ")}`;
  const hidden =
    "Publishable keys and keys of other environments block too, but this credential cannot see them: revoke those in the dashboard.";
  const visible = `revoke them${expire ? ", or wait for their expiry" : ""}, or set forceDestroy: true, run "pulumi up", and delete then. An account that has been replaced already keeps the forceDestroy it had: there the keys have to be revoked.`;
  return new FlexpriceError({
    kind: "has_active_keys",
    operation: error.operation,
    reason: `${error.reason}; ${seen}`,
    fix: isForced ? hidden : `${visible} ${hidden}`,
    status: error.status,
    code: error.code,
  });
}

/** Creating is due when nothing is there yet, or when a change replaces. */
function willCreate(olds: Partial<Inputs>, news: Inputs): boolean {
  if (olds.roles === undefined) return true;
  return (
    diffByTable(CHANGES, olds, news).replaced.length > 0 ||
    (news.adopt !== undefined && news.adopt !== olds.adopt)
  );
}

/** With the roles as a set, once all of them are known. */
function normalized(inputs: Inputs): Inputs {
  const { roles } = inputs;
  const isKnown = Array.isArray(roles) && roles.every(isKnownText);
  return isKnown ? { ...inputs, roles: uniqueSorted(roles) } : inputs;
}

function isKnownText(value: unknown): value is string {
  return typeof value === "string" && !isUnknown(value);
}

/** Whether the state is one that create or update wrote, and not the empty one of a `get`. */
function isComplete(props: Partial<State>): props is State {
  return props.tenantId !== undefined;
}

/** What the program or, where it names none, the account's own name asks for. */
function desiredName(olds: State, news: Inputs): string {
  return news.name ?? olds.autoName ?? olds.name;
}

/** What create hands over. */
function createdState(inputs: Inputs, account: User): State {
  return state(inputs, account, account.tenant.id, autoNameFor(inputs, account.name));
}

/** The name that is the account's own where the program gives none. No request gives an account no name back. */
function autoNameFor(inputs: Pick<Inputs, "name">, name: string): string | undefined {
  return inputs.name === undefined && name !== "" ? name : undefined;
}

/** Whether an account that was renamed once it was made still shows with the name under which it was made. */
function hasFirstName({ name, autoName, namePrefix }: Partial<State>, account: User): boolean {
  const isNamed = name !== undefined && autoName === undefined && namePrefix !== undefined;
  return isNamed && isUniqueNameOf(namePrefix, account.name);
}

/** What a read found. */
function refreshed(
  id: string,
  props: Partial<State>,
  account: User,
  tenantId: string,
): dynamic.ReadResult<State> {
  // A state of an older release has neither: what the account was called is then what it is to be called.
  const isOld = props.autoName === undefined && props.namePrefix === undefined;
  const isRenamed = props.name !== undefined && props.name !== account.name;
  const autoName = isOld && isRenamed && props.name !== "" ? props.name : props.autoName;
  const outs = state(props, account, tenantId, autoName);
  // The engine keeps the inputs that it has: only they tell whether the program gives a name.
  const isAsKnown = !isRenamed && autoName === undefined && sameRoles(props.roles, account.roles);
  if (isComplete(props) && isAsKnown) return { id, props: outs };
  const { name, tenantId: _t, autoName: _a, ...others } = outs;
  return {
    id,
    props: outs,
    // As an input the name stands where it is not the one wanted: so drift shows, and ignoreChanges can keep it.
    inputs: (name === autoName ? others : { ...others, name }) as State,
  };
}

function state(
  inputs: Partial<Inputs>,
  account: Pick<User, "name" | "roles">,
  tenantId: string,
  autoName: string | undefined,
): State {
  return {
    name: account.name,
    ...(autoName === undefined ? {} : { autoName }),
    roles: uniqueSorted(account.roles),
    ...pickDefined(inputs, "namePrefix", "forceDestroy", "adopt", "connection"),
    tenantId,
  };
}
