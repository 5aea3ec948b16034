/** Classes as Pulumi's generator makes them of the plugin's schema. Programs of tests import this as the package. */
import * as pulumi from "@pulumi/pulumi";
import * as schema from "../../../provider/plugin/schema.json";

interface ResourceSpec {
  readonly properties: Readonly<Record<string, unknown>>;
  readonly inputProperties: Readonly<
    Record<string, { readonly description: string; readonly secret?: boolean }>
  >;
  readonly aliases?: readonly { readonly type: string }[];
  readonly isComponent?: boolean;
}

type Args = Readonly<Record<string, unknown>>;

const { name: PACKAGE, version, pluginDownloadURL } = schema;
const RESOURCES: Readonly<Record<string, ResourceSpec>> = schema.resources;
const SETTINGS: ResourceSpec["inputProperties"] = schema.provider.inputProperties;

function resource(type: string): ResourceSpec {
  const spec = RESOURCES[type];
  if (spec === undefined) throw new Error(`the schema has no resource ${type}`);
  return spec;
}

/** The arguments, those secret that the schema says are. */
function given(args: Args, specs: ResourceSpec["inputProperties"]): pulumi.Inputs {
  return Object.fromEntries(
    Object.entries(args).map(([name, value]) => [
      name,
      specs[name]?.secret && value !== undefined ? pulumi.secret(value) : value,
    ]),
  );
}

/** Every property of the schema, so that outputs can be read. */
function properties({ properties, inputProperties }: ResourceSpec, args: Args): pulumi.Inputs {
  const outputs = Object.keys(properties).map((name) => [name, undefined]);
  return { ...Object.fromEntries(outputs), ...given(args, inputProperties) };
}

function customResource(type: string) {
  const spec = resource(type);
  return class extends pulumi.CustomResource {
    constructor(name: string, args: Args = {}, opts: pulumi.CustomResourceOptions = {}) {
      const defaults = {
        ...{ version, pluginDownloadURL, aliases: [...(spec.aliases ?? [])] },
        additionalSecretOutputs: type.endsWith(":ApiKey") ? ["apiKey"] : [],
      };
      super(type, name, properties(spec, args), pulumi.mergeOptions(defaults, opts));
    }

    static get(name: string, id: pulumi.Input<pulumi.ID>, state: Args = {}) {
      return new this(name, state, { id });
    }
  };
}

export const ServiceAccount = customResource("flexprice:index:ServiceAccount");
export const ApiKey = customResource("flexprice:index:ApiKey");

export class ServiceIdentity extends pulumi.ComponentResource {
  constructor(name: string, args: Args, opts: pulumi.ComponentResourceOptions = {}) {
    const type = "flexprice:index:ServiceIdentity";
    const defaults = { version, pluginDownloadURL };
    super(type, name, properties(resource(type), args), pulumi.mergeOptions(defaults, opts), true);
  }
}

export class Provider extends pulumi.ProviderResource {
  constructor(name: string, args: Args = {}, opts: pulumi.ResourceOptions = {}) {
    // Settings of a provider are texts on the wire.
    const texts = Object.entries(given(args, SETTINGS)).map(([setting, value]) => [
      setting,
      pulumi.output(value).apply((plain) => textOf(plain)),
    ]);
    super(PACKAGE, name, Object.fromEntries(texts), pulumi.mergeOptions({ version }, opts));
  }
}

function textOf(value: unknown): unknown {
  return value === undefined || typeof value === "string" ? value : JSON.stringify(value);
}

export function getCaller(args: Args = {}, opts?: pulumi.InvokeOptions): Promise<unknown> {
  return pulumi.runtime.invoke("flexprice:index:getCaller", args, { version, ...opts });
}
