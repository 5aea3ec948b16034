import type { EnforcementLevel } from "@pulumi/policy";

/** Options of every policy. */
export interface PolicyOptions {
  /** What a violation does: `mandatory` fails the operation, `advisory` warns. Default: what the pack says. */
  enforcementLevel?: EnforcementLevel;
}
