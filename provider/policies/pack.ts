import { type EnforcementLevel, type Policies, PolicyPack } from "@pulumi/policy";
import { accountPerService, noSuperAdmin } from "./accounts";
import { keyOutputs, keysExpire } from "./keys";

/** Options of {@link flexpricePolicies}. */
export interface FlexpricePoliciesOptions {
  /** The longest time that a key may live, in days. Default: 90. */
  maxDays?: number;
  /** Names of the stack outputs that may hold a private key. Default: any. */
  allowedOutputs?: readonly string[];
}

/** Options of {@link flexpricePack}. */
export interface FlexpricePackOptions extends FlexpricePoliciesOptions {
  /** The pack's name. Default: `flexprice`. */
  name?: string;
  /** What a violation does. Default: `mandatory`, the operation fails. */
  enforcementLevel?: EnforcementLevel;
}

/**
 * All policies, for a pack of one's own.
 *
 * @param options - Options of the policies; what `--policy-pack-config` says of a policy wins over them.
 */
export function flexpricePolicies(options: FlexpricePoliciesOptions = {}): Policies {
  const { maxDays, allowedOutputs } = options;
  return [
    noSuperAdmin(),
    keysExpire(maxDays === undefined ? {} : { maxDays }),
    accountPerService(),
    keyOutputs(allowedOutputs === undefined ? {} : { allowedOutputs }),
  ];
}

/**
 * The policy pack of all policies. To be called once, by the program of a pack.
 *
 * @example
 * ```ts
 * import { flexpricePack } from "pulumi-flexprice/policies";
 *
 * flexpricePack({ maxDays: 30 });
 * ```
 *
 * @param options - Options of the pack and its policies.
 */
export function flexpricePack(options: FlexpricePackOptions = {}): PolicyPack {
  const { name = "flexprice", enforcementLevel = "mandatory", ...policies } = options;
  return new PolicyPack(name, {
    description: "Rules for Flexprice service accounts and API keys",
    enforcementLevel,
    policies: flexpricePolicies(policies),
  });
}
