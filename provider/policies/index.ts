/** Pulumi policies for Flexprice service accounts and API keys, one by one and as a pack. */
import "./installed";
import { type EnforcementLevel, type Policies, PolicyPack } from "@pulumi/policy";
import { accountPerService, noSuperAdmin } from "./accounts";
import { keyOutputs, keysExpire } from "./keys";

export { accountPerService, noSuperAdmin } from "./accounts";
export { type KeyOutputsOptions, type KeysExpireOptions, keyOutputs, keysExpire } from "./keys";
export type { PolicyOptions } from "./policy";

/** Options of {@link flexpricePolicies}. */
export interface FlexpricePoliciesOptions {
  /** The longest lifetime of a key, in days. Default: 90. */
  maxDays?: number;
  /** Names of the stack outputs that may hold a private key. Default: any. */
  allowedOutputs?: readonly string[];
}

/** Options of {@link flexpricePack}. */
export interface FlexpricePackOptions extends FlexpricePoliciesOptions {
  /** The pack's name. Default: `flexprice`. */
  name?: string;
  /** What a violation does. Default: `mandatory`, which fails the operation. */
  enforcementLevel?: EnforcementLevel;
}

/**
 * All policies, for your own pack.
 *
 * @param options - Options of the policies. `--policy-pack-config` overrides them.
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
 * Creates the policy pack of all policies. Call it once, in the program of a pack.
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
