import type { dynamic } from "@pulumi/pulumi";
import { z } from "zod";
import type { User } from "../../api/schemas";
import type { Connection } from "../../session/connection";
import { UnnamedAccount } from "../../session/creates";
import { guardOwnAccount, guardTenant } from "../../session/guards";
import { retryWhileUnknown } from "../../session/replica-lag";
import { FlexpriceError, isFailure, operation, PartlyCreated } from "../../shared/errors";
import { lazy } from "../../shared/lazy";
import { displayName, quoted } from "../../shared/redaction";
import { roleProblems, sameRoles, uniqueSorted } from "../../shared/roles";
import { containsUnknown, isUnknown } from "../../shared/unknowns";
import { connectionChange, guardOldConnection } from "../connections";
import type { ProviderContext } from "../context";
import { type ChangeTable, type Diff, diffByTable, toDiffResult } from "../diff";
import { sharedWarning } from "../handover";
import { ownInputs, unlessUnknown } from "../inputs";
import {
  accountCreationFailures,
  asCheckFailures,
  checkTenant,
  functionSettingsFailures,
  loadPreviewContext,
  type PreviewContext,
} from "../preview-checks";
import {
  accountId,
  accountName,
  checkFailure,
  connectionName,
  namePrefix,
  toCheckFailures,
} from "../validation";
import { deleteAccount } from "./delete";
import { readAccount } from "./read";
import {
  autoNameFor,
  createdState,
  desiredName,
  type Inputs,
  plannedState,
  type State,
  toState,
} from "./state";

const NO_ROLE = "Service accounts must have at least one role assigned";

/** The inputs of a service account. */
export const schema = lazy(() =>
  z.strictObject({
    name: accountName().optional(),
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

/** The prefix of unique names if the inputs have none. The classes pass the logical name. */
const NAME_PREFIX = "service-account";

// namePrefix has no row: it only counts when the account is created.
function changeTable(
  context: ProviderContext,
): ChangeTable<"name" | "roles" | "forceDestroy" | "connection"> {
  return {
    name: { change: "update" },
    roles: { change: "replace", same: sameRoles },
    forceDestroy: { change: "update", same: (before, now) => (before ?? false) === (now ?? false) },
    connection: connectionChange(context),
  };
}

/** The provider of service accounts that the engine calls. */
export class ServiceAccountProvider implements dynamic.ResourceProvider<Inputs, State> {
  /** A refresh and a destroy do not run the program, so they cannot show what it keeps or replaces. */
  private isProgramRun = false;

  constructor(private readonly context: ProviderContext) {}

  async check(olds: Partial<Inputs>, news: Inputs): Promise<dynamic.CheckResult<Inputs>> {
    this.isProgramRun = true;
    const inputs = ownInputs(news);
    const replaced = this.context.diffedAccounts.recheck(olds, normalized(inputs));
    if (replaced !== undefined) this.context.adoptedIds.delete(replaced.id);
    if (isKnownText(inputs.adopt)) this.context.managed.want(inputs.adopt);
    const preview = await loadPreviewContext(this.context, news.connection);
    const failures = this.inputFailures(inputs, preview);
    failures.push(...functionSettingsFailures(this.context, news));
    const roles = knownRoles(inputs);
    const checked = failures.length === 0 ? normalized(inputs) : inputs;
    if (failures.length === 0 && willCreate(this.context, olds, inputs)) {
      failures.push(
        ...(inputs.adopt === olds.adopt ||
        inputs.adopt === undefined ||
        this.isAdoptionComplete(checked)
          ? await accountCreationFailures(preview, roles)
          : await this.adoptionFailures(preview, inputs, Object.keys(olds).length === 0)),
      );
    }
    return { inputs: checked, failures };
  }

  /** What is wrong with the inputs, whatever the state. */
  async validate(inputs: Inputs): Promise<dynamic.CheckFailure[]> {
    return this.inputFailures(inputs, await loadPreviewContext(this.context, inputs.connection));
  }

  private inputFailures(inputs: Inputs, preview: PreviewContext): dynamic.CheckFailure[] {
    const problems = roleProblems(knownRoles(inputs), preview.offered);
    return [
      ...toCheckFailures(schema().safeParse(inputs).error, Object.keys(schema().shape)),
      ...preview.failures,
      ...problems.map((reason) => checkFailure("roles", reason)),
    ];
  }

  async diff(id: string, olds: State, given: Inputs): Promise<Diff> {
    const news: Inputs = ownInputs(given);
    const { managed, adoptedIds, diffedAccounts, warn } = this.context;
    managed.add(id);
    const name = desiredName(olds, news);
    const byTable = diffByTable(changeTable(this.context), olds, { ...news, name });
    // Once the adoption is done, replacements create new accounts.
    const adoptsDifferentId =
      news.adopt !== undefined && news.adopt !== id && news.adopt !== olds.adopt;
    const adopting = adoptsDifferentId ? ["adopt"] : [];
    const replaced: string[] = [...byTable.replaced, ...adopting];
    const changed: string[] = [...byTable.changed, ...adopting];
    // Update records autoName without a request, so that drift from it shows. States of older releases stay unchanged.
    const hasNoneYet = olds.autoName === undefined && olds.name !== "";
    if (news.name === undefined && hasNoneYet && olds.namePrefix !== undefined) {
      changed.push("name");
    }
    const isReplaced = replaced.length > 0;
    const isSeenByEngine = diffedAccounts.isSeenByEngine(news);
    const what = `service account ${displayName(id, olds.name)}`;
    if (this.isProgramRun) {
      const urn = this.context.currentUrn();
      const isLeftToEngine = isSeenByEngine && changed.length > 0;
      const other = diffedAccounts.record({ id, urn, olds, news, isReplaced, isLeftToEngine });
      if (other !== undefined) await warn(sharedWarning(what, urn, other));
    }
    const isChanged = isReplaced || changed.includes("name") || changed.includes("connection");
    await checkTenant(this.context, olds, what, isChanged ? "change" : undefined);
    if (isReplaced) guardOldConnection(this.context, what, olds, news);
    if (name !== olds.name && news.name === undefined && !isReplaced) {
      await warn(
        `Service account ${id} was renamed outside of Pulumi: it is called ${quoted(olds.name)}, and its own name is ${quoted(name)}. "pulumi up" restores that name, unless ignoreChanges has "name"; to keep the new one, set "name" to it.`,
      );
    }
    if (this.isProgramRun && news.adopt === id && !isReplaced) adoptedIds.add(id);
    return toDiffResult({ changed, replaced, isSeenByEngine });
  }

  create(inputs: Inputs): Promise<dynamic.CreateResult<State>> {
    const { name, namePrefix = NAME_PREFIX } = inputs;
    return operation(`create service account ${quoted(name ?? namePrefix)}`, async () => {
      const account = await this.createOrAdopt(inputs);
      this.context.diffedAccounts.recordCreated(account.id, inputs, true);
      return { id: account.id, outs: createdState(inputs, account) };
    });
  }

  read(id: string, props: Partial<State> = {}): Promise<dynamic.ReadResult<State>> {
    return operation(`read service account ${displayName(id, props.name)}`, () =>
      readAccount(this.context, id, props),
    );
  }

  /** As {@link read}, for `pulumi import`: the state has nothing of the account yet. */
  import(id: string): Promise<dynamic.ReadResult<State>> {
    return operation(`import service account ${id}`, () => readAccount(this.context, id, {}));
  }

  async update(id: string, olds: State, news: Inputs): Promise<dynamic.UpdateResult<State>> {
    this.context.diffedAccounts.recordUpdated(id);
    const name = desiredName(olds, news);
    if (name !== olds.name) {
      const what = displayName(id, olds.name);
      await operation(`rename service account ${what} to ${quoted(name)}`, async () => {
        const connection = this.context.connect(news.connection);
        await guardTenant(connection, olds.tenantId);
        await connection.recover(this.context.warn);
        await rename(connection, id, name);
      });
    }
    return { outs: this.plannedUpdate(olds, news) };
  }

  /** The outputs of {@link create}, as far as a preview can know them. */
  plannedCreate(inputs: Inputs): Readonly<Record<string, unknown>> {
    return plannedState(inputs);
  }

  /** The outputs of {@link update}. */
  plannedUpdate(olds: State, news: Inputs): State {
    const name = desiredName(olds, news);
    return toState(news, { name, roles: olds.roles }, olds.tenantId, autoNameFor(news, name));
  }

  delete(id: string, props: State): Promise<void> {
    return operation(`archive service account ${displayName(id, props.name)}`, () =>
      deleteAccount(this.context, id, props, this.isProgramRun),
    );
  }

  private async createOrAdopt(inputs: Inputs): Promise<User> {
    const { name, namePrefix = NAME_PREFIX, roles, adopt } = inputs;
    const connection = this.context.connect(inputs.connection);
    const caller = await connection.caller();
    // Adopt before the recovery: an open note of this account would have it archived.
    if (adopt !== undefined && !this.isAdoptionComplete(inputs)) {
      return await this.adopt(connection, adopt, inputs, caller.tenant.id);
    }
    await connection.recover(this.context.warn);
    try {
      return await connection.creates.account({ name, namePrefix, roles }, caller);
    } catch (error) {
      if (!(error instanceof UnnamedAccount)) throw error;
      const { account, failure } = error;
      // Pulumi stores these properties as they are, and calls update in the next up. A refresh in between forgets that;
      // then the name differs from the program's, which shows as drift.
      throw new PartlyCreated(
        account.id,
        { ...inputs, ...createdState(inputs, account), autoName: account.name },
        failure.with({
          operation: `rename service account ${displayName(account.id, account.name)} to ${quoted(name ?? "")}`,
          fix: 'run "pulumi up" again: the account is in the state, and that run renames it.',
        }).message,
      );
    }
  }

  private async adopt(
    connection: Connection,
    id: string,
    inputs: Inputs,
    tenantId: string,
  ): Promise<User> {
    const { adoptedIds, diffedAccounts, managed } = this.context;
    const account = await this.findAdoptable(connection, id, inputs);
    const { name = account.name } = inputs;
    connection.forgetPending(tenantId, account);
    managed.add(id);
    const named =
      account.name === name
        ? account
        : await operation(`rename the adopted service account ${id} to ${quoted(name)}`, () =>
            rename(connection, id, name),
          );
    adoptedIds.add(id);
    await diffedAccounts.recordAdopted(id, inputs);
    return named;
  }

  private findAdoptable(connection: Connection, id: string, inputs: Inputs): Promise<User> {
    const isHeld = this.context.diffedAccounts.holds(id);
    return operation(`adopt service account ${id}`, () =>
      adoptable(connection, id, inputs, isHeld),
    );
  }

  /** Whether the resource that these inputs replace has adopted already what "adopt" names. */
  private isAdoptionComplete(inputs: Inputs): boolean {
    return this.context.diffedAccounts
      .withInputs(inputs)
      .some(({ id, olds }) => inputs.adopt === id || inputs.adopt === olds.adopt);
  }

  private async adoptionFailures(
    { connection }: PreviewContext,
    news: Inputs,
    isNew: boolean,
  ): Promise<dynamic.CheckFailure[]> {
    if (connection === undefined || containsUnknown([news.adopt, news.roles])) return [];
    return await asCheckFailures("adopt", async () => {
      const { id, name } = await this.findAdoptable(connection, String(news.adopt), news);
      // A resource that exists may have this account already.
      if (!isNew) return;
      const isRenamed = isKnownText(news.name) && news.name !== name;
      const renamed = isRenamed ? `, and renames it to ${quoted(news.name)}` : "";
      await this.context.inform(
        `Takes over service account ${displayName(id, name)} instead of creating one${renamed}.`,
      );
    });
  }
}

async function rename(connection: Connection, id: string, name: string): Promise<User> {
  try {
    const account = await retryWhileUnknown(connection, id, () =>
      connection.api.renameAccount(id, name),
    );
    connection.reads.primeAccount(account);
    return account;
  } catch (error) {
    if (!isFailure(error, "not_found", "invalid")) throw error;
    throw error.with({
      fix: 'run "pulumi refresh" to see whether the account still exists, then "pulumi up" again.',
    });
  }
}

/** Finds the account that `adopt` names, and checks that the program describes it. */
async function adoptable(
  connection: Connection,
  id: string,
  inputs: Inputs,
  isHeld: boolean,
): Promise<User> {
  guardOwnAccount(connection, await connection.caller(), id);
  if (isHeld) {
    throw new FlexpriceError({
      kind: "refused",
      reason: "a resource of this stack manages it already",
      fix: 'remove "adopt" from this resource: a replacement then creates its own account.',
    });
  }
  const account = await connection.reads.account(id);
  if (account === undefined) {
    throw new FlexpriceError({
      kind: "not_found",
      reason: "the credential's tenant has no service account with this id, or it is archived",
      fix: 'correct the id, or remove "adopt" to have an account created.',
    });
  }
  if (!sameRoles(account.roles, inputs.roles)) {
    throw new FlexpriceError({
      kind: "refused",
      reason: `it has the roles ${uniqueSorted(account.roles).join(", ")}, but the program asks for ${uniqueSorted(inputs.roles).join(", ")}`,
      fix: "set roles to those of the account: Flexprice fixes them at creation.",
    });
  }
  return account;
}

/** Whether the engine will create: for a new resource, or a change that replaces. */
function willCreate(context: ProviderContext, olds: Partial<Inputs>, news: Inputs): boolean {
  if (olds.roles === undefined) return true;
  return (
    diffByTable(changeTable(context), olds, news).replaced.length > 0 ||
    (news.adopt !== undefined && news.adopt !== olds.adopt)
  );
}

/** Sorts the roles and removes duplicates, once all of them are known. */
function normalized(inputs: Inputs): Inputs {
  const { roles } = inputs;
  const isKnown = Array.isArray(roles) && roles.every(isKnownText);
  return isKnown ? { ...inputs, roles: uniqueSorted(roles) } : inputs;
}

function knownRoles({ roles }: Inputs): string[] {
  return Array.isArray(roles) ? roles.filter(isKnownText) : [];
}

function isKnownText(value: unknown): value is string {
  return typeof value === "string" && !isUnknown(value);
}
