import type { dynamic } from "@pulumi/pulumi";
import {
  durationMs,
  hasPassed,
  rotationDue,
  sameDuration,
  sameInstant,
} from "../../shared/duration";
import { displayName } from "../../shared/redaction";
import { isUnknown } from "../../shared/unknowns";
import { checkFailure } from "../validation";
import type { Inputs, State } from "./state";

/** The input that asks for another expiry than the key has. */
export function changedExpiry(
  olds: Partial<State>,
  news: Inputs,
): "expiresAt" | "expiresIn" | undefined {
  if (news.expiresIn !== undefined) {
    return isUnknown(news.expiresIn) || !sameDuration(olds.expiresIn, news.expiresIn)
      ? "expiresIn"
      : undefined;
  }
  if (isUnknown(news.expiresAt)) return "expiresAt";
  if (news.expiresAt === undefined && olds.expiresIn !== undefined) return "expiresIn";
  return sameInstant(olds.expiresAt, news.expiresAt) ? undefined : "expiresAt";
}

/** How far apart two lifetimes can be that the same program has computed, in milliseconds. */
const SAME_LIFETIME_MS = 5 * 60_000;

/** Whether the program seems to compute the instant from the current time: the lifetime is that of the old key. */
export function isComputedAgain(olds: State, { expiresAt }: Inputs, now: number): boolean {
  if (olds.expiresAt === undefined || typeof expiresAt !== "string") return false;
  const before = Date.parse(olds.expiresAt) - Date.parse(olds.createdAt);
  return Math.abs(Date.parse(expiresAt) - now - before) <= SAME_LIFETIME_MS;
}

/** Contradictions between the inputs for the expiry, each of which is valid by itself. */
export function expiryFailures(
  inputs: Inputs,
  isCreate: boolean,
  now: number,
): dynamic.CheckFailure[] {
  const { expiresAt, expiresIn, rotateBefore, onDelete } = inputs;
  const failures: dynamic.CheckFailure[] = [];
  const expires = expiresAt !== undefined || expiresIn !== undefined;
  if (expiresAt !== undefined && expiresIn !== undefined) {
    failures.push(checkFailure("expiresIn", "cannot be combined with expiresAt: set one of them"));
  }
  if (rotateBefore !== undefined && !expires) {
    failures.push(
      checkFailure(
        "rotateBefore",
        "needs an expiry to count back from: set expiresIn or expiresAt",
      ),
    );
  }
  if (onDelete === "expire" && !expires) {
    failures.push(
      checkFailure(
        "onDelete",
        '"expire" needs an expiry, or the key would never expire: set expiresIn or expiresAt',
      ),
    );
  }
  failures.push(...(isCreate ? newExpiryFailures(inputs, now) : []));
  return failures;
}

/** Problems with the expiry of a new key. For existing keys, diff handles the expiry and replaces the key. */
function newExpiryFailures(
  { expiresAt, expiresIn, rotateBefore }: Inputs,
  now: number,
): dynamic.CheckFailure[] {
  if (expiresAt !== undefined && !isUnknown(expiresAt) && hasPassed(expiresAt, now)) {
    return [
      checkFailure(
        "expiresAt",
        `has passed (now ${new Date(now).toISOString()}): set a later instant`,
      ),
    ];
  }
  const lifetime = lifetimeOf({ expiresAt, expiresIn }, now);
  const before = rotateBefore === undefined ? undefined : durationMs(rotateBefore);
  if (lifetime === undefined || before === undefined || before < lifetime) return [];
  return [
    expiresIn === undefined
      ? checkFailure(
          "expiresAt",
          "is closer than rotateBefore: a key created now would be due for rotation at once; set a later instant",
        )
      : checkFailure(
          "rotateBefore",
          "must be shorter than the key's lifetime, or every up would rotate it",
        ),
  ];
}

/** A replacement that is due because of the time or the server, not because of a change of the program. */
export interface Due {
  /** Undefined: due but impossible, since the program's expiry would apply to the successor too. */
  readonly property: "serviceAccountId" | "expiresAt" | undefined;
  readonly reason: string;
}

export function dueReplacement(
  id: string,
  olds: State,
  news: Inputs,
  now: number,
): Due | undefined {
  const { expiresAt } = olds;
  const key = `API key ${displayName(id, olds.name)}`;
  if (olds.ownerArchived === true) {
    return {
      property: "serviceAccountId",
      reason: `${key} works for the archived service account ${olds.serviceAccountId}: this key will be replaced.`,
    };
  }
  if (expiresAt === undefined) return undefined;
  if (hasPassed(expiresAt, now)) {
    return {
      property: "expiresAt",
      reason: `${key} expired at ${expiresAt}: this key will be replaced.`,
    };
  }
  if (typeof news.rotateBefore !== "string" || isUnknown(news.rotateBefore)) return undefined;
  const due = rotationDue(expiresAt, news.rotateBefore);
  if (due.getTime() > now) return undefined;
  const since = `${key} expires at ${expiresAt}; with rotateBefore ${news.rotateBefore}, rotation has been due since ${due.toISOString()}`;
  // A successor with the same expiry would be due at once, and every up would create another.
  if (news.expiresIn === undefined) {
    return {
      property: undefined,
      reason: `${since}. Its successor would expire at the same time: set expiresAt to a later instant, or use expiresIn, to replace this key.`,
    };
  }
  return { property: "expiresAt", reason: `${since}: this key will be replaced.` };
}

/** Milliseconds from creation to expiry. */
function lifetimeOf(
  { expiresAt, expiresIn }: { expiresAt: string | undefined; expiresIn: string | undefined },
  createdAt: number,
): number | undefined {
  if (expiresIn !== undefined) return durationMs(expiresIn);
  if (expiresAt === undefined || isUnknown(expiresAt)) return undefined;
  return Date.parse(expiresAt) - createdAt;
}
