import type { dynamic } from "@pulumi/pulumi";
import { z } from "zod";
import type { Connection } from "../api/connection";
import { UnnamedAccount } from "../api/creates";
import { archiveAccount } from "../api/proof";
import type { Key, User } from "../api/wire";
import { FlexpriceError, isFailure } from "../errors";
import { once } from "../once";
import { hasPassed } from "./expiry";
import { accountId, connectionName, namePrefix } from "./fields";
import { guardTenant } from "./guards";
import {
  type ChangeTable,
  diffByTable,
  failure,
  isLetGo,
  label,
  optional,
  ownInputs,
  PartlyCreated,
  type Surroundings,
  toCheckFailures,
  toDiffResult,
} from "./lifecycle";
import { ACCOUNT_NAME_RULE, isAccountName, isWellFormed, NOT_WELL_FORMED } from "./names";
import {
  type Ahead,
  accountCreationFailures,
  foreseen,
  foreseeTenant,
  lookAhead,
} from "./preflight";
import { asSet, roleProblems, sameRoles } from "./roles";
import { containsUnknown, isUnknown, onceKnown } from "./unknowns";

interface Inputs {
  /** Absent: a unique name, which `autoName` keeps. */
  readonly name?: string;
  readonly namePrefix?: string;
  readonly roles: string[];
  readonly forceDestroy?: boolean;
  readonly adopt?: string;
  readonly connection?: string;
}

interface State extends Inputs {
  /** What the server calls it. */
  readonly name: string;
  /** What it is to be called where the program names none. */
  readonly autoName?: string;
  readonly tenantId: string;
}

const NO_ROLE = "Service accounts must have at least one role assigned";

const schema = once(() =>
  z.strictObject({
    name: onceKnown(
      z
        .string(ACCOUNT_NAME_RULE)
        .refine(isAccountName, ACCOUNT_NAME_RULE)
        .refine(isWellFormed, NOT_WELL_FORMED),
    ).optional(),
    namePrefix: namePrefix().optional(),
    roles: onceKnown(
      z
        .array(onceKnown(z.string("must be the name of a role")), {
          error: ({ input }) =>
            input === undefined || input === null ? NO_ROLE : "must be a list of roles",
        })
        .min(1, NO_ROLE),
    ),
    forceDestroy: onceKnown(z.boolean("must be true or false")).optional(),
    adopt: accountId().optional(),
    connection: connectionName().optional(),
  }),
);

/** What a unique name begins with where nothing else is known: the class hands the logical name over. */
const NAME_PREFIX = "service-account";

// namePrefix has no row: it counts when the account is made, and not again.
const CHANGES: ChangeTable<"name" | "roles" | "forceDestroy" | "connection"> = {
  name: { change: "update" },
  roles: { change: "replace", same: sameRoles },
  forceDestroy: { change: "update", same: (before, now) => (before ?? false) === (now ?? false) },
  connection: { change: "replace" },
};

/** The life of a service account, as the engine calls it. */
export class ServiceAccountLifecycle implements dynamic.ResourceProvider<Inputs, State> {
  constructor(private readonly surroundings: Surroundings) {}

  async check(olds: Partial<Inputs>, news: Inputs): Promise<dynamic.CheckResult<Inputs>> {
    const inputs = ownInputs(news);
    const failures = toCheckFailures(schema().safeParse(inputs).error);
    if (isKnownText(inputs.adopt)) this.surroundings.managed.want(inputs.adopt);
    const ahead = await lookAhead(this.surroundings, news.connection);
    const roles = Array.isArray(news.roles) ? news.roles.filter(isKnownText) : [];
    failures.push(...ahead.failures);
    failures.push(...roleProblems(roles, ahead.offered).map((reason) => failure("roles", reason)));
    if (failures.length === 0 && isToBeMade(olds, inputs)) {
      failures.push(
        ...(inputs.adopt === undefined
          ? await accountCreationFailures(ahead, roles)
          : await this.adoptionFailures(ahead, inputs)),
      );
    }
    const settled =
      Array.isArray(news.roles) && !containsUnknown(news.roles) && failures.length === 0;
    return { inputs: settled ? { ...inputs, roles: asSet(news.roles) } : inputs, failures };
  }

  async diff(id: string, olds: State, news: Inputs): Promise<dynamic.DiffResult> {
    const { managed, adopted, warn } = this.surroundings;
    managed.add(id);
    const name = nameWanted(olds, news);
    const { changed, replaced } = diffByTable(CHANGES, olds, { ...news, name });
    // Written down without a request, so that drift from it shows. States of older releases stay as they are.
    const hasNoneYet = olds.autoName === undefined && olds.name !== "";
    if (news.name === undefined && hasNoneYet && olds.namePrefix !== undefined) {
      changed.push("name");
    }
    const takesAnother = news.adopt !== undefined && news.adopt !== id;
    if (takesAnother || replaced.length > 0 || changed.includes("name")) {
      await foreseeTenant(
        this.surroundings,
        olds,
        `change service account ${label(id, olds.name)}`,
      );
    }
    const isReplaced = takesAnother || replaced.length > 0;
    if (name !== olds.name && news.name === undefined && !isReplaced) {
      await warn(
        `Service account ${id} was renamed outside of Pulumi: it is called ${JSON.stringify(olds.name)}, and its own name is ${JSON.stringify(name)}. "pulumi up" gives it that name back, unless ignoreChanges has "name"; to keep the new one, set "name" to it.`,
      );
    }
    if (news.adopt === id && replaced.length === 0) adopted.add(id);
    return toDiffResult({
      changed: takesAnother ? [...changed, "adopt"] : changed,
      replaced: takesAnother ? [...replaced, "adopt"] : replaced,
    });
  }

  async create(inputs: Inputs): Promise<dynamic.CreateResult<State>> {
    const { name, namePrefix = NAME_PREFIX, roles, adopt } = inputs;
    const attempted = `create service account ${JSON.stringify(name ?? namePrefix)}`;
    const connection = this.surroundings.connect(inputs.connection, attempted);
    const caller = await connection.caller();
    if (adopt !== undefined) {
      // Before anything is recovered: a note of this account would have it archived.
      const account = await this.adopt(connection, adopt, inputs, caller.tenant.id);
      return { id: account.id, outs: made(inputs, account) };
    }
    await connection.recover(this.surroundings.warn);
    try {
      const account = await connection.creates.account(
        { name, namePrefix, roles },
        { caller, attempted },
      );
      return { id: account.id, outs: made(inputs, account) };
    } catch (error) {
      if (!(error instanceof UnnamedAccount)) throw error;
      const { account, failure: reason } = error;
      // Pulumi keeps it as partly made, and calls update in the next up. The host adds nothing to these properties.
      throw new PartlyCreated(
        account.id,
        { ...inputs, ...made(inputs, account) },
        reason.during(
          `name service account ${account.id}, which was made as ${JSON.stringify(account.name)}, ${JSON.stringify(name)}`,
          'run "pulumi up" again: the account is in the state, and gets its name then.',
        ).message,
      );
    }
  }

  async read(id: string, props: Partial<State> = {}): Promise<dynamic.ReadResult<State>> {
    this.surroundings.managed.add(id);
    const attempted = `read service account ${label(id, props.name)}`;
    const connection = this.surroundings.connect(props.connection, attempted);
    const { tenant } = await guardTenant(connection, props.tenantId, attempted);
    await connection.remindOfPending(this.surroundings.warn);
    let account: User | undefined;
    try {
      account = await connection.directory.account(id);
    } catch (error) {
      if (!isFailure(error, "forbidden") || !isComplete(props)) throw error;
      await this.surroundings.warn(
        `Service account ${label(id, props.name)} is not visible to the credential from ${connection.credentialSource}; its state is kept as it was. ${error.answer}`,
      );
      return { id, props };
    }
    if (account !== undefined) return refreshed(id, props, account, tenant.id);
    if (isComplete(props)) return { id: "", props };
    throw new FlexpriceError({
      kind: "not_found",
      attempted,
      answer: `tenant ${tenant.id} has no service account with this id that is not archived`,
      advice: "correct the id, or the credential if the account belongs to another tenant.",
    });
  }

  async update(id: string, olds: State, news: Inputs): Promise<dynamic.UpdateResult<State>> {
    const name = nameWanted(olds, news);
    const attempted = `rename service account ${label(id, olds.name)} to ${JSON.stringify(name)}`;
    if (name !== olds.name) {
      const connection = this.surroundings.connect(news.connection, attempted);
      await guardTenant(connection, olds.tenantId, attempted);
      await connection.recover(this.surroundings.warn);
      await rename(connection, id, name, attempted);
    }
    const autoName = ownName(news, name);
    return { outs: state(news, { name, roles: olds.roles }, olds.tenantId, autoName) };
  }

  async delete(id: string, props: State): Promise<void> {
    this.surroundings.managed.add(id);
    if (await isLetGo(this.surroundings, id, `Service account ${label(id, props.name)}`)) return;
    const attempted = `archive service account ${label(id, props.name)}`;
    const connection = this.surroundings.connect(props.connection, attempted);
    await guardTenant(connection, props.tenantId, attempted);
    await connection.recover(this.surroundings.warn);
    try {
      await this.archiveOnceFree(connection, id, attempted);
    } catch (error) {
      if (!isFailure(error, "has_active_keys")) throw error;
      const keys = await visibleActiveKeys(connection, id);
      if (props.forceDestroy !== true) throw blockedBy(keys, error);
      for (const key of keys) {
        await connection.routes.revokeKey(key.id, `revoke API key "${key.name}" (${key.id})`);
        connection.directory.dropKey(key.id);
      }
      try {
        await archiveAccount(connection, id, attempted);
      } catch (again) {
        throw isFailure(again, "has_active_keys") ? blockedBy([], again) : again;
      }
    }
    connection.directory.dropAccount(id);
  }

  /** Archives; where keys that a killed run has made are in the way, once those are settled. */
  private async archiveOnceFree(
    connection: Connection,
    id: string,
    attempted: string,
  ): Promise<void> {
    try {
      await archiveAccount(connection, id, attempted);
    } catch (error) {
      if (!isFailure(error, "has_active_keys")) throw error;
      const names = (await visibleActiveKeys(connection, id)).map(({ name }) => name);
      if (!(await connection.waitForKeys(names, this.surroundings.warn))) throw error;
      await archiveAccount(connection, id, attempted);
    }
  }

  private async adoptionFailures(ahead: Ahead, news: Inputs): Promise<dynamic.CheckFailure[]> {
    const { connection } = ahead;
    if (connection === undefined || containsUnknown([news.adopt, news.roles])) return [];
    return await foreseen("adopt", () => this.adoptable(connection, String(news.adopt), news));
  }

  private async adoptable(connection: Connection, id: string, inputs: Inputs): Promise<User> {
    const attempted = `adopt service account ${id}`;
    if (this.surroundings.managed.has(id)) {
      throw new FlexpriceError({
        kind: "refused",
        attempted,
        answer: "a resource of this stack manages it already",
        advice: 'remove "adopt" from this resource: a replacement then gets an account of its own.',
      });
    }
    const account = await connection.directory.account(id);
    if (account === undefined) {
      throw new FlexpriceError({
        kind: "not_found",
        attempted,
        answer: "the credential's tenant has no service account with this id that is not archived",
        advice: 'correct the id, or remove "adopt" to have an account created.',
      });
    }
    if (!sameRoles(account.roles, inputs.roles)) {
      throw new FlexpriceError({
        kind: "refused",
        attempted,
        answer: `it has the roles ${asSet(account.roles).join(", ")}, the program asks for ${asSet(inputs.roles).join(", ")}`,
        advice: "set roles to those of the account: Flexprice fixes them at creation.",
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
    this.surroundings.managed.add(id);
    const adopted =
      inputs.name === undefined || account.name === inputs.name
        ? account
        : await rename(
            connection,
            id,
            inputs.name,
            `rename the adopted service account ${id} to "${inputs.name}"`,
          );
    this.surroundings.adopted.add(id);
    return adopted;
  }
}

async function rename(
  connection: Connection,
  id: string,
  newName: string,
  attempted: string,
): Promise<User> {
  try {
    const account = await connection.routes.renameAccount(id, newName, attempted);
    connection.directory.noteAccount(account);
    return account;
  } catch (error) {
    if (!isFailure(error, "not_found", "invalid")) throw error;
    throw error.during(
      attempted,
      'run "pulumi refresh" to see whether the account still exists, then "pulumi up" again.',
    );
  }
}

async function visibleActiveKeys(connection: Connection, id: string): Promise<readonly Key[]> {
  try {
    const keys = await connection.directory.freshKeysOf(id);
    const now = connection.routes.serverNow();
    return keys.filter((key) => !hasPassed(key.expires_at ?? undefined, now));
  } catch (error) {
    // A caller that may not list keys still gets to know why the account stays.
    if (isFailure(error, "forbidden", "wrong_environment")) return [];
    throw error;
  }
}

function blockedBy(keys: readonly Key[], error: FlexpriceError): FlexpriceError {
  const listed = keys.map((key) => {
    const until = key.expires_at == null ? "" : `, until ${key.expires_at}`;
    return `"${key.name}" (${key.id}, ${key.display_id}${until})`;
  });
  const expire = keys.length > 0 && keys.every((key) => key.expires_at != null);
  const seen =
    listed.length === 0 ? "none of them is visible here" : `visible here: ${listed.join(", ")}`;
  return new FlexpriceError({
    kind: "has_active_keys",
    attempted: error.attempted,
    answer: `${error.answer}; ${seen}`,
    advice: `revoke them, ${expire ? "wait for their expiry, " : ""}or set forceDestroy: true, run "pulumi up", and delete then; an account that has been replaced already keeps the forceDestroy it had. Publishable keys and keys of other environments block too, but this credential cannot see them: revoke those in the dashboard.`,
    status: error.status,
    code: error.code,
  });
}

/** Creating is due when nothing is there yet, or when a change replaces. */
function isToBeMade(olds: Partial<Inputs>, news: Inputs): boolean {
  if (olds.roles === undefined) return true;
  return (
    diffByTable(CHANGES, olds, news).replaced.length > 0 ||
    (news.adopt !== undefined && news.adopt !== olds.adopt)
  );
}

function isKnownText(value: unknown): value is string {
  return typeof value === "string" && !isUnknown(value);
}

/** Whether the state is one that create or update wrote, and not the empty one of a `get`. */
function isComplete(props: Partial<State>): props is State {
  return props.tenantId !== undefined;
}

/** What the program or, where it names none, the account's own name asks for. */
function nameWanted(olds: State, news: Inputs): string {
  return news.name ?? olds.autoName ?? olds.name;
}

/** What create hands over. */
function made(inputs: Inputs, account: User): State {
  return state(inputs, account, account.tenant.id, ownName(inputs, account.name));
}

/** The name that is the account's own where the program gives none. No request gives an account no name back. */
function ownName(inputs: Pick<Inputs, "name">, name: string): string | undefined {
  return inputs.name === undefined && name !== "" ? name : undefined;
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
    roles: asSet(account.roles),
    ...optional(inputs, "namePrefix", "forceDestroy", "adopt", "connection"),
    tenantId,
  };
}
