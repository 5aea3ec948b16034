import type { EnforcementLevel } from "@pulumi/policy";
import { containsUnknown } from "../lifecycle/inputs";

/** Options of every policy. */
export interface PolicyOptions {
  /** What a violation does: `mandatory` fails the operation, `advisory` warns. Default: the level of the pack. */
  enforcementLevel?: EnforcementLevel;
}

type Props = Readonly<Record<string, unknown>>;

/**
 * A property, even if it is unknown. Reading an unknown property the usual way ends the whole policy for this preview:
 * right for a rule about one resource, too much for a rule about a stack.
 */
export function rawProperty(props: Props, name: string): unknown {
  return Object.getOwnPropertyDescriptor(props, name)?.value;
}

/** A property, or undefined if it or a part of it is unknown. */
export function known(props: Props, name: string): unknown {
  const value = rawProperty(props, name);
  return containsUnknown(value) ? undefined : value;
}
