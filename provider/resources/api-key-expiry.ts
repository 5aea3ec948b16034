import type { dynamic } from "@pulumi/pulumi";
import type { Inputs, State } from "./api-key-state";
import { durationMs, hasPassed, rotationDue, sameDuration, sameInstant } from "./expiry";
import { failure, label } from "./lifecycle";
import { isUnknown } from "./unknowns";

/** The input through which the program asks for another expiry than the key has. */
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

/** What is wrong with the inputs around the expiry, each of them being valid by itself. */
export function expiryFailures(
  inputs: Inputs,
  toBeMade: boolean,
  now: number,
): dynamic.CheckFailure[] {
  const { expiresAt, expiresIn, rotateBefore, onDelete } = inputs;
  const failures: dynamic.CheckFailure[] = [];
  const expires = expiresAt !== undefined || expiresIn !== undefined;
  if (expiresAt !== undefined && expiresIn !== undefined) {
    failures.push(failure("expiresIn", "cannot be combined with expiresAt: give one of them"));
  }
  if (rotateBefore !== undefined && !expires) {
    failures.push(
      failure("rotateBefore", "needs an expiry to count back from: set expiresIn or expiresAt"),
    );
  }
  if (onDelete === "expire" && !expires) {
    failures.push(
      failure(
        "onDelete",
        '"expire" needs an expiry, or the key would live on for ever: set expiresIn or expiresAt',
      ),
    );
  }
  // A key that exists and has expired is about to be replaced: its successor needs a later instant too.
  if (expiresAt !== undefined && !isUnknown(expiresAt) && hasPassed(expiresAt, now)) {
    failures.push(
      failure("expiresAt", `has passed (now ${new Date(now).toISOString()}): give a later instant`),
    );
  }
  const lifetime = lifetimeOf(inputs, toBeMade ? now : undefined);
  const before = rotateBefore === undefined ? undefined : durationMs(rotateBefore);
  if (lifetime !== undefined && before !== undefined && before >= lifetime) {
    failures.push(
      expiresIn === undefined
        ? failure(
            "expiresAt",
            "is nearer than rotateBefore: a key made now would be due for rotation at once; give a later instant",
          )
        : failure(
            "rotateBefore",
            "must be shorter than the key's lifetime, or every up would rotate it",
          ),
    );
  }
  return failures;
}

/** A replacement that no change of the program asks for, but time or the server. */
export function dueReplacement(
  id: string,
  olds: State,
  news: Inputs,
  now: number,
): { property: string; reason: string } | undefined {
  const { expiresAt } = olds;
  const key = `API key ${label(id, olds.name)}`;
  if (olds.ownerArchived === true) {
    return {
      property: "serviceAccountId",
      reason: `${key} works for the archived service account ${olds.serviceAccountId}: it is to be replaced.`,
    };
  }
  if (expiresAt === undefined) return undefined;
  if (hasPassed(expiresAt, now)) {
    return {
      property: "expiresAt",
      reason: `${key} expired at ${expiresAt}: it is to be replaced.`,
    };
  }
  if (news.rotateBefore === undefined || isUnknown(news.rotateBefore)) return undefined;
  const due = rotationDue(expiresAt, news.rotateBefore);
  if (due.getTime() > now) return undefined;
  return {
    property: "expiresAt",
    reason: `${key} expires at ${expiresAt}; with rotateBefore ${news.rotateBefore} it is due for rotation since ${due.toISOString()}: it is to be replaced.`,
  };
}

/** Whether the key outlives its resource, up to its own expiry. */
export function isLeftToExpire({ onDelete, expiresAt }: State, now: number): boolean {
  return onDelete === "expire" && expiresAt !== undefined && !hasPassed(expiresAt, now);
}

/** Milliseconds from creation to expiry, as far as they can be told without the key's creation time. */
function lifetimeOf(
  { expiresAt, expiresIn }: Inputs,
  madeAt: number | undefined,
): number | undefined {
  if (expiresIn !== undefined) return durationMs(expiresIn);
  if (expiresAt === undefined || madeAt === undefined || isUnknown(expiresAt)) return undefined;
  return Date.parse(expiresAt) - madeAt;
}
