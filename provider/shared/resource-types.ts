/** The types of the resources in Pulumi; they stand in every state. */
export const SERVICE_ACCOUNT_TYPE = "pulumi-nodejs:dynamic/flexprice:ServiceAccount";
export const API_KEY_TYPE = "pulumi-nodejs:dynamic/flexprice:ApiKey";

/** Whether something is a resource of this type, as Pulumi marks its objects. */
export function hasType(object: unknown, type: string): boolean {
  return (
    typeof object === "object" &&
    object !== null &&
    "__pulumiType" in object &&
    object.__pulumiType === type
  );
}
