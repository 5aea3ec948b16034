/** The types of the resources in Pulumi. Every state contains them. */
export const SERVICE_ACCOUNT_TYPE = "pulumi-nodejs:dynamic/flexprice:ServiceAccount";
export const API_KEY_TYPE = "pulumi-nodejs:dynamic/flexprice:ApiKey";

/** Whether an object has this type in the property by which Pulumi marks resources. */
export function hasType(object: unknown, type: string): boolean {
  return (
    typeof object === "object" &&
    object !== null &&
    "__pulumiType" in object &&
    object.__pulumiType === type
  );
}
