import type { EmulatedKey, EmulatedUser } from "../../../provider/emulator";

interface ExportedResource {
  urn: string;
  type: string;
  id?: string;
  delete?: boolean;
  external?: boolean;
  inputs?: Record<string, unknown>;
  outputs?: Record<string, unknown>;
}

/** A secret in an export. */
export const ENCRYPTED = {
  "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
  ciphertext: "v1:abc",
};

export const EXPORT_TIME = "2026-11-24T08:00:00Z";

/** Text of a `pulumi stack export` with exactly these resources. */
export function exported(
  resources: readonly ExportedResource[],
  more: Record<string, unknown> = {},
): string {
  const stack = {
    urn: "urn:pulumi:prod::shop::pulumi:pulumi:Stack::shop-prod",
    type: "pulumi:pulumi:Stack",
    custom: false,
    outputs: { anything: [1] },
  };
  return JSON.stringify({
    version: 3,
    deployment: {
      manifest: { time: EXPORT_TIME, magic: "", version: "v3.250.0" },
      ...(resources.length === 0 ? {} : { resources: [stack, ...resources] }),
      ...more,
    },
  });
}

/** The same export, with another time of its state. */
export function writtenAt(text: string, time: string): string {
  const content = JSON.parse(text);
  content.deployment.manifest.time = time;
  return JSON.stringify(content);
}

/** An unfinished create in an export. */
export function pendingCreate(
  type: "ServiceAccount" | "ApiKey",
  inputs: Record<string, unknown>,
): { type: string; resource: ExportedResource } {
  const { outputs: _, ...pending } = resource(type, "", {});
  return { type: "creating", resource: { ...pending, inputs } };
}

/** An account in a stack's state. */
export function accountResource({ id, name, tenantId, roles }: EmulatedUser): ExportedResource {
  return resource("ServiceAccount", id, { name, roles, tenantId });
}

/** A key in a stack's state, with an encrypted value. */
export function keyResource(
  { id, name, tenantId, userId, displayId }: EmulatedKey,
  more: Record<string, unknown> = {},
): ExportedResource {
  return resource("ApiKey", id, { name, apiKey: ENCRYPTED, displayId, tenantId, userId, ...more });
}

/** A resource of this package in a stack's state. */
export function resource(
  type: string,
  id: string,
  outputs: Record<string, unknown>,
): ExportedResource & { outputs: Record<string, unknown> } {
  const full = `pulumi-nodejs:dynamic/flexprice:${type}`;
  return { urn: `urn:pulumi:prod::shop::${full}::${id}`, type: full, id, outputs };
}
