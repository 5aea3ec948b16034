/** Pulumi policies for Flexprice service accounts and API keys, one by one and as a pack. */
import "./installed";

export { accountPerService, noSuperAdmin } from "./accounts";
export { type KeyOutputsOptions, type KeysExpireOptions, keyOutputs, keysExpire } from "./keys";
export type { PolicyOptions } from "./options";
export {
  type FlexpricePackOptions,
  type FlexpricePoliciesOptions,
  flexpricePack,
  flexpricePolicies,
} from "./pack";
