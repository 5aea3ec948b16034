import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { text as readAll } from "node:stream/consumers";
import { z } from "zod";
import { prefixOf } from "../session/auto-name";
import { errorText, FlexpriceError } from "../shared/errors";
import { parseJson } from "../shared/json";
import { isApiKeyType, isServiceAccountType } from "../shared/resource-types";
import type { CommandContext } from "./command-context";
import { UsageError } from "./exit-status";

interface StackObject {
  readonly kind: "account" | "key";
  /** Its readable names and name prefixes, present and past. */
  readonly names: readonly string[];
  /** For a key: the account or user that it acts for. */
  readonly ownerId: string | undefined;
}

/** An account or key that a stack's state holds. */
export interface KnownObject extends StackObject {
  readonly id: string;
  /** Undefined where it is encrypted. */
  readonly tenantId: string | undefined;
  /** For a key: whether a rotation leaves its predecessor to expire. */
  readonly leavesPredecessor: boolean;
  /** For a key: ids of the keys that its rotations left to expire. */
  readonly predecessors?: readonly string[];
}

/** The resource of a key in a stack's state. */
export interface KeyResource {
  readonly id: string;
  readonly urn: string;
  readonly tenantId: string | undefined;
  readonly environmentId: string | undefined;
  readonly rotateBefore: string | undefined;
  /** Whether the state has the key's value: without it, a refresh cannot prove that the key is gone. */
  readonly hasValue: boolean;
  /** Whether the key, or one that it has replaced, was adopted. */
  readonly isAdopted: boolean;
  /** Whether it is replaced or removed already, and the next `up` deletes it. */
  readonly isToBeDeleted: boolean;
  /** Whether the program only reads it, with `get`. */
  readonly isRead: boolean;
  /** Ids of the keys that its rotations left to expire. */
  readonly predecessors: readonly string[];
}

/** What an operation without an id may have created, as its inputs describe it. Undefined matches anything. */
export interface PendingObject extends StackObject {
  /** The id of an object to adopt. */
  readonly id: string | undefined;
  /** For an account. */
  readonly roles: readonly string[] | undefined;
}

/** The part of `pulumi stack export` that the commands need. */
export interface StackExport {
  /** As the user named it. */
  readonly source: string;
  /** `project/stack`; undefined for an empty stack. */
  readonly stack: string | undefined;
  /** When the state was written, verbatim. Nothing created later can be in it. */
  readonly time: string;
  readonly objects: readonly KnownObject[];
  /** The keys among the objects, as their resources describe them. */
  readonly keys: readonly KeyResource[];
  /** How many operations of any package were running, or were interrupted. */
  readonly pendingOperations: number;
  /** What those may have created beside the objects. */
  readonly pendingObjects: readonly PendingObject[];
}

/** Stands for standard input. */
const STDIN = "-";

/** Encrypted values are objects, which are of no use here. */
const text = z.string().optional().catch(undefined);

const resourceShape = z.object({
  urn: z.string(),
  type: z.string(),
  id: z.string().default(""),
  delete: z.boolean().optional().catch(undefined),
  external: z.boolean().optional().catch(undefined),
  outputs: z
    .object({
      tenantId: text,
      name: text,
      autoName: text,
      namePrefix: text,
      userId: text,
      serviceAccountId: text,
      onDelete: text,
      environmentId: text,
      rotateBefore: text,
      apiKey: z.unknown().optional(),
      adoptedId: z.unknown().optional(),
      predecessors: z
        .array(z.object({ id: z.string() }).transform(({ id }) => id))
        .default([])
        .catch([]),
    })
    .default({ predecessors: [] }),
});

const pendingShape = resourceShape.extend({
  inputs: z
    .object({
      name: z.unknown(),
      namePrefix: z.unknown(),
      roles: z.array(z.string()).optional().catch(undefined),
      serviceAccountId: text,
      adopt: z.unknown(),
    })
    .partial()
    .default({})
    .catch({}),
});

const exportShape = z.object({
  version: z.number(),
  deployment: z.object({
    manifest: z.object({ time: z.string() }),
    resources: z.array(resourceShape).default([]),
    pending_operations: z
      .array(z.object({ resource: pendingShape }))
      .nullish()
      .transform((operations) => operations ?? []),
  }),
});

/**
 * Reads several exports.
 * @throws UsageError if more than one of them is standard input.
 */
export async function readStackExports(
  context: CommandContext,
  sources: readonly string[],
): Promise<StackExport[]> {
  if (sources.filter((source) => source === STDIN).length > 1) {
    throw new UsageError({
      operation: "read the stack exports",
      reason: '"-" was given more than once, and standard input can be read only once',
      fix: "write the exports to files.",
    });
  }
  const read: StackExport[] = [];
  for (const source of sources) read.push(await readStackExport(context, source));
  return read;
}

/**
 * Reads the output of `pulumi stack export`; secrets in it may be encrypted.
 * @throws FlexpriceError of kind `configuration` for anything else.
 */
export async function readStackExport(
  context: CommandContext,
  source: string,
): Promise<StackExport> {
  return parseStackExport(await readSource(context, source), source);
}

/**
 * As {@link readStackExport}, for an output that was read already.
 * @param source - Names it in messages.
 */
export function parseStackExport(content: string, source: string): StackExport {
  const { manifest, resources, pending_operations } = parseExport(content, source).deployment;
  const pending = pending_operations.map(({ resource }) => resource);
  const [, , stack, project] = resources[0]?.urn.split(":").filter((part) => part !== "") ?? [];
  return {
    source: source === STDIN ? "standard input" : source,
    stack: stack === undefined ? undefined : `${project}/${stack}`,
    time: manifest.time,
    objects: [...resources, ...pending].flatMap(knownObject),
    keys: [...resources, ...pending].flatMap(keyResource),
    pendingOperations: pending.length,
    pendingObjects: pending.flatMap(pendingObject),
  };
}

function knownObject({ type, id, outputs }: z.infer<typeof resourceShape>): KnownObject[] {
  const kind = kindOf(type);
  if (id === "" || kind === undefined) return [];
  const { tenantId, name, autoName, namePrefix, userId, serviceAccountId, predecessors } = outputs;
  // The program may have changed the prefix since: the one in the name counts too.
  const names = [name, autoName, namePrefix, prefixOf(name ?? ""), prefixOf(autoName ?? "")];
  return [
    {
      kind,
      id,
      tenantId,
      names: names.filter((one) => one !== undefined),
      ownerId: userId ?? serviceAccountId,
      leavesPredecessor: outputs.onDelete === "expire",
      ...(predecessors.length === 0 ? {} : { predecessors }),
    },
  ];
}

function keyResource(resource: z.infer<typeof resourceShape>): KeyResource[] {
  const { urn, type, id, outputs } = resource;
  if (id === "" || !isApiKeyType(type)) return [];
  const { tenantId, environmentId, rotateBefore, predecessors } = outputs;
  return [
    {
      ...{ id, urn, tenantId, environmentId, rotateBefore, predecessors },
      hasValue: outputs.apiKey !== undefined,
      isAdopted: outputs.adoptedId !== undefined,
      isToBeDeleted: resource.delete === true,
      isRead: resource.external === true,
    },
  ];
}

function pendingObject({ type, id, inputs }: z.infer<typeof pendingShape>): PendingObject[] {
  const kind = kindOf(type);
  if (id !== "" || kind === undefined) return [];
  const { name, namePrefix, roles, serviceAccountId, adopt } = inputs;
  const given = name ?? namePrefix;
  // An object to adopt can have any name.
  const isNamed = typeof given === "string" && (adopt === undefined || adopt === null);
  const names = isNamed ? [given] : [];
  return [{ kind, id: adoptedId(adopt), names, roles, ownerId: serviceAccountId }];
}

/** Accounts are adopted by id, keys by id and value. */
function adoptedId(adopt: unknown): string | undefined {
  const id = typeof adopt === "object" && adopt !== null && "id" in adopt ? adopt.id : adopt;
  return typeof id === "string" ? id : undefined;
}

function kindOf(type: string): StackObject["kind"] | undefined {
  if (isApiKeyType(type)) return "key";
  return isServiceAccountType(type) ? "account" : undefined;
}

async function readSource({ stdin, directory }: CommandContext, source: string): Promise<string> {
  if (source === STDIN) return await readAll(stdin);
  try {
    return readFileSync(resolve(directory, source), "utf8");
  } catch (error) {
    throw unusable(source, errorText(error));
  }
}

function parseExport(content: string, source: string): z.infer<typeof exportShape> {
  const json = parseJson(content.replace(/^\uFEFF/, ""));
  if (json === undefined) throw unusable(source, "it is not JSON");
  const parsed = exportShape.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const place = issue?.path.join(".") || "the whole";
  throw unusable(source, `it is JSON, but not a stack's export: ${place}: ${issue?.message}`);
}

function unusable(source: string, reason: string): FlexpriceError {
  const isStdin = source === STDIN;
  return new FlexpriceError({
    kind: "configuration",
    operation: `read the stack export ${isStdin ? "from standard input" : source}`,
    reason,
    fix: `write it with "pulumi stack export --stack NAME --file ${isStdin ? "state.json" : source}".`,
  });
}
