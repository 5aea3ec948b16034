/** Whether something is a resource of this type, as Pulumi marks its objects. */
export function hasType(object: unknown, type: string): boolean {
  return (
    typeof object === "object" &&
    object !== null &&
    "__pulumiType" in object &&
    object.__pulumiType === type
  );
}
