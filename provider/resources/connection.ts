import type { Input, Resource, ResourceOptions } from "@pulumi/pulumi";
import { withDefault } from "./options";

// The registry's symbol: a program can have several copies of the package.
const CONNECTION = Symbol.for("pulumi-flexprice.connection");

/**
 * Sets the connection of everything below a component that names none: each `ServiceAccount`, `ApiKey` and
 * `ServiceIdentity` whose `parent` is the component, or has it as an ancestor. Call it in the component's constructor,
 * before you create its resources. Functions such as `getServiceAccount` do not inherit it.
 *
 * @param component - Your component.
 * @param connection - Name of a connection in `flexprice:connections`; undefined: the component inherits one itself.
 *
 * @example
 * ```ts
 * class Shop extends pulumi.ComponentResource {
 *   constructor(name: string, opts?: pulumi.ComponentResourceOptions) {
 *     super("example:Shop", name, {}, opts);
 *     flexprice.setConnection(this, "eu");
 *     new flexprice.ServiceIdentity(name, { roles: ["event_ingestor"] }, { parent: this });
 *   }
 * }
 * ```
 */
export function setConnection(component: Resource, connection: Input<string> | undefined): void {
  if (connection === undefined) return;
  Object.defineProperty(component, CONNECTION, { value: connection, configurable: true });
}

/** The connection of a resource: its own, or that of the nearest component around it that has one. */
export function connectionOf(
  own: Input<string> | undefined,
  opts: ResourceOptions | undefined,
): Input<string> | undefined {
  const inherited = inheritedBy(opts?.parent);
  return inherited === undefined ? own : withDefault(own, inherited);
}

function inheritedBy(parent: Resource | undefined): Input<string> | undefined {
  if (parent === undefined) return undefined;
  // The SDK keeps the parent, but declares no type for it.
  return Reflect.get(parent, CONNECTION) ?? inheritedBy(Reflect.get(parent, "__parentResource"));
}
