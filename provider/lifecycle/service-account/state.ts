import type { dynamic } from "@pulumi/pulumi";
import type { User } from "../../api/schemas";
import { isUniqueNameOf } from "../../session/auto-name";
import { sameRoles, uniqueSorted } from "../../shared/roles";
import { containsUnknown, UNKNOWN } from "../../shared/unknowns";
import { pickDefined } from "../inputs";

export interface Inputs {
  /** Absent: the account gets a unique name, which `autoName` keeps. */
  readonly name?: string;
  readonly namePrefix?: string;
  readonly roles: string[];
  readonly forceDestroy?: boolean;
  readonly adopt?: string;
  readonly connection?: string;
}

export interface State extends Inputs {
  /** The name on the server. */
  readonly name: string;
  /** The wanted name, if the program sets none. */
  readonly autoName?: string;
  readonly tenantId: string;
}

/** Whether create or update wrote the state. That of a `get` is empty. */
export function isComplete(props: Partial<State>): props is State {
  return props.tenantId !== undefined;
}

/** The wanted name: that of the program, or else the account's own. */
export function desiredName(olds: State, news: Inputs): string {
  return news.name ?? olds.autoName ?? olds.name;
}

/** The state after create. */
export function createdState(inputs: Inputs, account: User): State {
  return toState(inputs, account, account.tenant.id, autoNameFor(inputs, account.name));
}

/** The account's own name, if the program sets none. An account never becomes nameless again. */
export function autoNameFor(inputs: Pick<Inputs, "name">, name: string): string | undefined {
  return inputs.name === undefined && name !== "" ? name : undefined;
}

/** Whether an account still shows the unique name that it had before create renamed it. */
export function hasFirstName(
  { name, autoName, namePrefix }: Partial<State>,
  account: User,
): boolean {
  const isNamed = name !== undefined && autoName === undefined && namePrefix !== undefined;
  return isNamed && isUniqueNameOf(namePrefix, account.name);
}

/** The result of a read that found the account. */
export function refreshed(
  id: string,
  props: Partial<State>,
  account: User,
  tenantId: string,
): dynamic.ReadResult<State> {
  // States of older releases have neither: the last known name is the wanted one.
  const isOld = props.autoName === undefined && props.namePrefix === undefined;
  const isRenamed = props.name !== undefined && props.name !== account.name;
  const autoName = isOld && isRenamed && props.name !== "" ? props.name : props.autoName;
  const outs = toState(props, account, tenantId, autoName);
  // Without inputs in the result, the engine keeps its own: only they show whether the program sets a name.
  const isAsKnown = !isRenamed && autoName === undefined && sameRoles(props.roles, account.roles);
  if (isComplete(props) && isAsKnown) return { id, props: outs };
  const { name, tenantId: _t, autoName: _a, ...others } = outs;
  const isInput = name !== autoName && (name !== "" || isComplete(props));
  return {
    id,
    props: outs,
    // The name is an input only if it is not the wanted one: so drift shows, and ignoreChanges can keep it. No program
    // can set a blank one, so an import has none.
    inputs: (isInput ? { ...others, name } : others) as State,
  };
}

export function toState(
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

/** The state after create, as far as a preview can know it. */
export function plannedState(inputs: Inputs): Readonly<Record<string, unknown>> {
  const { name = UNKNOWN, roles } = inputs;
  const autoName = inputs.name === undefined ? UNKNOWN : undefined;
  const planned = toState(inputs, { name, roles: [] }, UNKNOWN, autoName);
  return { ...planned, roles: containsUnknown(roles) ? UNKNOWN : uniqueSorted(roles) };
}
