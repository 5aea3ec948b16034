/**
 * The embedded Flexprice: the parts of the API that service accounts and API keys live in, in
 * memory, over real HTTP, with the statuses, bodies and traps of a real server.
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
export type { Fault, FaultKind, FaultPlan, FaultRule, RawAnswer } from "./faults";
export { seeded } from "./random";
export type { RecordedRequest } from "./recording";
export { CONFIGURED_API_KEY, DEFAULT_TENANT_ID } from "./state";
