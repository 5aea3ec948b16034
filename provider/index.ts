/** Flexprice service accounts and API keys as Pulumi resources. */

export {
  type GetApiKeysOutputArgs,
  type GetCallerOutputArgs,
  type GetRolesOutputArgs,
  type GetServiceAccountOutputArgs,
  type GetServiceAccountsOutputArgs,
  getApiKeys,
  getApiKeysOutput,
  getCaller,
  getCallerOutput,
  getRoles,
  getRolesOutput,
  getServiceAccount,
  getServiceAccountOutput,
  getServiceAccounts,
  getServiceAccountsOutput,
  LookupError,
} from "./functions";
export type {
  ApiKeyInfo,
  CallerInfo,
  GetApiKeysArgs,
  GetCallerArgs,
  GetRolesArgs,
  GetServiceAccountArgs,
  GetServiceAccountsArgs,
  RoleInfo,
  ServiceAccountInfo,
} from "./functions/types";
export {
  type AdoptedApiKey,
  ApiKey,
  type ApiKeyArgs,
  type ApiKeyState,
  type ApiKeyType,
  type OnDelete,
} from "./resources/api-key";
export { setConnection } from "./resources/connection";
export {
  ServiceAccount,
  type ServiceAccountArgs,
  type ServiceAccountGetOptions,
} from "./resources/service-account";
export {
  type AdoptedIdentity,
  type MovedIdentity,
  ServiceIdentity,
  type ServiceIdentityArgs,
} from "./resources/service-identity";
export type { ErrorKind } from "./shared/errors";
export type { ServiceAccountRole } from "./shared/roles";
