/** Flexprice service accounts and API keys as Pulumi resources. */
export {
  type AdoptedApiKey,
  ApiKey,
  type ApiKeyArgs,
  type ApiKeyState,
  type ApiKeyType,
  type OnDelete,
} from "./resources/api-key";
export type { ServiceAccountRole } from "./resources/roles";
export {
  ServiceAccount,
  type ServiceAccountArgs,
  type ServiceAccountGetOptions,
} from "./resources/service-account";
export { ServiceIdentity, type ServiceIdentityArgs } from "./resources/service-identity";
