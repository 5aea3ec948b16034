import * as pulumi from "@pulumi/pulumi";

/** An input, or what it is when it is not given; no output is made where there is no need to wait for one. */
export function withDefault(
  given: pulumi.Input<string> | undefined,
  otherwise: pulumi.Input<string>,
): pulumi.Input<string> {
  if (given === undefined || typeof given === "string") return given ?? otherwise;
  return pulumi.all([given, otherwise]).apply(([known, instead]) => known ?? instead);
}
