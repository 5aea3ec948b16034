import type { dynamic } from "@pulumi/pulumi";
import { z } from "zod";
import type { Connection } from "../api/connection";
import type { Key, User } from "../api/wire";
import { FlexpriceError, isFailure } from "../errors";
import { once } from "../once";
import { hasPassed } from "./expiry";
import { accountId, connectionName } from "./fields";
import { guardTenant } from "./guards";
import {
  type ChangeTable,
  diffByTable,
  failure,
  isLetGo,
  label,
  optional,
  ownInputs,
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
  readonly name: string;
  readonly roles: string[];
  readonly forceDestroy?: boolean;
  readonly adopt?: string;
  readonly connection?: string;
}

interface State extends Inputs {
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
    ),
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
    const ahead = await lookAhead(this.surroundings, news.connection);
    const roles = Array.isArray(news.roles) ? news.roles.filter(isKnownText) : [];
    failures.push(...ahead.failures);
    failures.push(...roleProblems(roles, ahead.offered).map((reason) => failure("roles", reason)));
    if (failures.length === 0 && isToBeMade(olds, news)) {
      failures.push(
        ...(news.adopt === undefined
          ? await accountCreationFailures(ahead, roles)
          : await this.adoptionFailures(ahead, news)),
      );
    }
    const settled =
      Array.isArray(news.roles) && !containsUnknown(news.roles) && failures.length === 0;
    return { inputs: settled ? { ...inputs, roles: asSet(news.roles) } : inputs, failures };
  }

  async diff(id: string, olds: State, news: Inputs): Promise<dynamic.DiffResult> {
    this.surroundings.managed.add(id);
    const { changed, replaced } = diffByTable(CHANGES, olds, news);
    const takesAnother = news.adopt !== undefined && news.adopt !== id;
    if (takesAnother || replaced.length > 0 || changed.includes("name")) {
      await foreseeTenant(
        this.surroundings,
        olds,
        `change service account ${label(id, olds.name)}`,
      );
    }
    if (news.adopt === id && replaced.length === 0) this.surroundings.adopted.add(id);
    return toDiffResult({
      changed: takesAnother ? [...changed, "adopt"] : changed,
      replaced: takesAnother ? [...replaced, "adopt"] : replaced,
    });
  }

  async create(inputs: Inputs): Promise<dynamic.CreateResult<State>> {
    const attempted = `create service account "${inputs.name}"`;
    const connection = this.surroundings.connect(inputs.connection, attempted);
    const { tenant } = await connection.caller();
    await connection.settleLeftovers(this.surroundings.warn);
    const account =
      inputs.adopt === undefined
        ? await connection.creations.createAccount(
            { name: inputs.name, roles: inputs.roles },
            tenant.id,
            attempted,
          )
        : await this.adopt(connection, inputs.adopt, inputs);
    return { id: account.id, outs: state(inputs, account, tenant.id) };
  }

  async read(id: string, props: Partial<State> = {}): Promise<dynamic.ReadResult<State>> {
    this.surroundings.managed.add(id);
    const attempted = `read service account ${label(id, props.name)}`;
    const connection = this.surroundings.connect(props.connection, attempted);
    const { tenant } = await guardTenant(connection, props.tenantId, attempted);
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
    if (account !== undefined) {
      const now = { ...props, name: account.name, roles: account.roles };
      return {
        id,
        props: state(now, account, tenant.id),
        // The engine's type gives inputs the shape of outputs; they are those of the program alone.
        inputs: readInputs(now) as State,
      };
    }
    if (isComplete(props)) return { id: "", props };
    throw new FlexpriceError({
      kind: "not_found",
      attempted,
      answer: `tenant ${tenant.id} has no service account with this id that is not archived`,
      advice: "correct the id, or the credential if the account belongs to another tenant.",
    });
  }

  async update(id: string, olds: State, news: Inputs): Promise<dynamic.UpdateResult<State>> {
    const attempted = `rename service account ${label(id, olds.name)} to "${news.name}"`;
    const account = { id, name: news.name, roles: olds.roles };
    if (news.name !== olds.name) {
      const connection = this.surroundings.connect(news.connection, attempted);
      await guardTenant(connection, olds.tenantId, attempted);
      await rename(connection, id, news.name, attempted);
    }
    return { outs: state(news, account, olds.tenantId) };
  }

  async delete(id: string, props: State): Promise<void> {
    if (await isLetGo(this.surroundings, id, `Service account ${label(id, props.name)}`)) return;
    const attempted = `archive service account ${label(id, props.name)}`;
    const connection = this.surroundings.connect(props.connection, attempted);
    await guardTenant(connection, props.tenantId, attempted);
    await connection.settleLeftovers(this.surroundings.warn);
    try {
      await archive(connection, id, attempted);
    } catch (error) {
      if (!isFailure(error, "has_active_keys")) throw error;
      const keys = await visibleActiveKeys(connection, id);
      if (props.forceDestroy !== true) throw blockedBy(keys, error);
      for (const key of keys) {
        await connection.routes.revokeKey(key.id, `revoke API key "${key.name}" (${key.id})`);
        connection.directory.dropKey(key.id);
      }
      try {
        await archive(connection, id, attempted);
      } catch (again) {
        throw isFailure(again, "has_active_keys") ? blockedBy([], again) : again;
      }
    }
    connection.directory.dropAccount(id);
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

  private async adopt(connection: Connection, id: string, inputs: Inputs): Promise<User> {
    const account = await this.adoptable(connection, id, inputs);
    this.surroundings.managed.add(id);
    const adopted =
      account.name === inputs.name
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

/** Archives, and takes "not found" for done only when a search in the same tenant does not know the account either. */
async function archive(connection: Connection, id: string, attempted: string): Promise<void> {
  try {
    await connection.routes.archiveAccount(id, attempted);
  } catch (error) {
    if (!isFailure(error, "not_found")) throw error;
    if ((await connection.directory.freshAccount(id)) !== undefined) throw error;
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

function readInputs(props: Partial<State> & Pick<Inputs, "name" | "roles">): Inputs {
  return {
    name: props.name,
    roles: asSet(props.roles),
    ...optional(props, "forceDestroy", "adopt", "connection"),
  };
}

function state(
  inputs: Partial<Inputs>,
  account: Pick<User, "name" | "roles">,
  tenantId: string,
): State {
  return { ...readInputs({ ...inputs, name: account.name, roles: account.roles }), tenantId };
}
