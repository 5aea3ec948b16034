/**
 * The embedded Flexprice: the part of the API for service accounts and API keys, in memory, over real HTTP, with the
 * statuses, bodies and pitfalls of a real server.
 *
 * @module
 */
export type { KeyType, UserType } from "./database";
export {
  type EmulatedKey,
  type EmulatedUser,
  Emulator,
  type EmulatorOptions,
  type Operator,
} from "./emulator";
export type { Fault, FaultKind, FaultPlan, FaultRule, RawResponse } from "./faults";
export { seeded } from "./random";
export type { RecordedRequest } from "./recording";
export { CONFIGURED_API_KEY, DEFAULT_TENANT_ID, type Snapshot } from "./state";
