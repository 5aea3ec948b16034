import type { dynamic } from "@pulumi/pulumi";
import type { Key } from "../../api/schemas";
import { sameInstant } from "../../shared/duration";
import { uniqueSorted } from "../../shared/roles";
import { UNKNOWN } from "../../shared/unknowns";
import { pickDefined } from "../inputs";

/** Resolved inputs of an API key, after check. */
export interface Inputs {
  readonly serviceAccountId?: string;
  /** Absent: the key gets a unique name, which `autoName` keeps. */
  readonly name?: string;
  readonly namePrefix?: string;
  readonly type: string;
  readonly expiresAt?: string;
  readonly expiresIn?: string;
  readonly rotateBefore?: string;
  readonly rotationTriggers?: Readonly<Record<string, string>>;
  readonly onDelete?: string;
  readonly adopt?: { readonly id: string; readonly apiKey: string };
  readonly connection?: string;
}

/** A replaced key that a rotation has left to expire. */
export interface Predecessor {
  readonly id: string;
  readonly expiresAt: string;
}

/** The state of an API key. It leaves out `adopt`, which would be a second copy of the key. */
export interface State extends Omit<Inputs, "adopt"> {
  readonly name: string;
  /** The name, if the program sets none. */
  readonly autoName?: string;
  /** Absent: the key was imported without its value. */
  readonly apiKey?: string;
  readonly displayId: string;
  readonly roles: string[];
  readonly userId: string;
  readonly userType: string;
  readonly createdAt: string;
  readonly tenantId: string;
  /** The id that "adopt" named when this key or a predecessor was adopted: that adoption is done. */
  readonly adoptedId?: string;
  /** Keys that rotations have left to their expiry. They are revoked with the resource. */
  readonly predecessors?: readonly Predecessor[];
  /** Only known if the settings choose the environment. */
  readonly environmentId?: string;
  /** Set by a refresh that finds the owner archived. The key still works. */
  readonly ownerArchived?: boolean;
}

/** Whether the state has what a proof needs. That of a `get`, or of an import without the value, lacks the key. */
export function isComplete(props: Partial<State>): props is State & { readonly apiKey: string } {
  return props.tenantId !== undefined && props.apiKey !== undefined && props.userId !== undefined;
}

export function unchanged(id: string, props: State): dynamic.ReadResult<State> {
  return { id, props };
}

export function refreshed(
  id: string,
  props: State,
  listed: Key,
  archived: boolean,
): dynamic.ReadResult<State> {
  const { ownerArchived: _, expiresAt, ...rest } = props;
  const live = listed.expires_at ?? undefined;
  return {
    id,
    props: {
      ...rest,
      name: listed.name,
      roles: uniqueSorted(listed.roles ?? []),
      // The list rounds times and changes zones: an unchanged instant keeps its original text.
      ...(live === undefined
        ? {}
        : { expiresAt: sameInstant(expiresAt, live) ? (expiresAt ?? live) : live }),
      ...(archived ? { ownerArchived: true } : {}),
    },
  };
}

export function toState(
  inputs: Partial<Inputs>,
  key: Key,
  more: {
    apiKey: string | undefined;
    tenantId: string;
    environmentId: string | undefined;
    adoptedId?: string | undefined;
    predecessors?: readonly Predecessor[];
  },
): State {
  const { adoptedId, predecessors = [] } = more;
  const expiresAt = key.expires_at ?? undefined;
  return {
    ...storedInputs(inputs),
    name: key.name,
    ...(inputs.name === undefined ? { autoName: key.name } : {}),
    type: key.type,
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(more.apiKey === undefined ? {} : { apiKey: more.apiKey }),
    displayId: key.display_id,
    roles: uniqueSorted(key.roles ?? []),
    userId: key.user_id,
    userType: key.user_type,
    createdAt: key.created_at,
    tenantId: more.tenantId,
    ...(adoptedId === undefined ? {} : { adoptedId }),
    ...(predecessors.length === 0 ? {} : { predecessors }),
    ...(more.environmentId === undefined ? {} : { environmentId: more.environmentId }),
  };
}

/** The inputs that the state has as they are. */
function storedInputs(inputs: Partial<Inputs>): Partial<State> {
  return pickDefined(
    inputs,
    "serviceAccountId",
    "namePrefix",
    "expiresIn",
    "rotateBefore",
    "rotationTriggers",
    "onDelete",
    "connection",
  );
}

/** The state after create, as far as a preview can know it. */
export function plannedState(inputs: Inputs): Readonly<Record<string, unknown>> {
  const { name, type, serviceAccountId, expiresAt, expiresIn } = inputs;
  return {
    ...storedInputs(inputs),
    ...(name === undefined ? { name: UNKNOWN, autoName: UNKNOWN } : { name }),
    type,
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(expiresIn === undefined ? {} : { expiresAt: UNKNOWN }),
    apiKey: UNKNOWN,
    displayId: UNKNOWN,
    roles: UNKNOWN,
    userId: serviceAccountId ?? UNKNOWN,
    userType: UNKNOWN,
    createdAt: UNKNOWN,
    tenantId: UNKNOWN,
  };
}
