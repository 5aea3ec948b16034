/** The types of the resources in Pulumi. Every state contains them. */
export const SERVICE_ACCOUNT_TYPE = "pulumi-nodejs:dynamic/flexprice:ServiceAccount";
export const API_KEY_TYPE = "pulumi-nodejs:dynamic/flexprice:ApiKey";

/** Their types in the plugin. Each front end has the other's types as aliases, so that a stack can move. */
export const PLUGIN_SERVICE_ACCOUNT_TYPE = "flexprice:index:ServiceAccount";
export const PLUGIN_API_KEY_TYPE = "flexprice:index:ApiKey";
export const SERVICE_IDENTITY_TYPE = "flexprice:index:ServiceIdentity";

/** Whether it is the type of service accounts, in either front end. */
export function isServiceAccountType(type: string): boolean {
  return type === SERVICE_ACCOUNT_TYPE || type === PLUGIN_SERVICE_ACCOUNT_TYPE;
}

/** Whether it is the type of API keys, in either front end. */
export function isApiKeyType(type: string): boolean {
  return type === API_KEY_TYPE || type === PLUGIN_API_KEY_TYPE;
}

/** Whether an object has this type in the property by which Pulumi marks resources. */
export function hasType(object: unknown, type: string): boolean {
  return (
    typeof object === "object" &&
    object !== null &&
    "__pulumiType" in object &&
    object.__pulumiType === type
  );
}
