import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { z } from "zod";
import { FlexpriceError } from "../shared/errors";
import { API_KEY_TYPE, SERVICE_ACCOUNT_TYPE } from "../shared/resource-types";
import type { CommandContext } from "./command-context";

/** What a stack's state says of one account or key. */
export interface KnownObject {
  readonly kind: "account" | "key";
  readonly id: string;
  /** Undefined where it is encrypted. */
  readonly tenantId: string | undefined;
  readonly name: string | undefined;
  /** The name, where the program gives none. */
  readonly autoName: string | undefined;
  /** What the names of those begin with that its resource makes. */
  readonly namePrefix: string | undefined;
  /** Of a key: who it acts for. */
  readonly ownerId: string | undefined;
  /** Of a key: whether its resource leaves it to its own expiry. */
  readonly isLeftToExpire: boolean;
}

/** What an operation without an id may have made: what its inputs tell of it. Undefined fits anything. */
export interface PendingObject {
  readonly kind: "account" | "key";
  /** Of an object that is adopted. */
  readonly id: string | undefined;
  /** The name, or what a unique name begins with. */
  readonly name: string | undefined;
  /** Of an account. */
  readonly roles: readonly string[] | undefined;
  /** Of a key: who it acts for. */
  readonly ownerId: string | undefined;
}

/** The part of `pulumi stack export` that counts here. */
export interface StackExport {
  /** As the user named it. */
  readonly source: string;
  /** `project/stack`; undefined when nothing is in it. */
  readonly stack: string | undefined;
  /** When the state in it was written, in the export's own words: what was made since cannot be in it. */
  readonly time: string;
  readonly objects: readonly KnownObject[];
  /** How many operations were under way, or cut off, of whatever package. */
  readonly pendingOperations: number;
  /** What those may have made that is not among the objects. */
  readonly pendingObjects: readonly PendingObject[];
}

/** Stands for standard input. */
export const STDIN = "-";

const text = z.string().optional().catch(undefined);

const resourceShape = z.object({
  urn: z.string(),
  type: z.string(),
  id: z.string().default(""),
  // Encrypted values are objects: they are of no use here.
  outputs: z
    .object({
      tenantId: text,
      name: text,
      autoName: text,
      namePrefix: text,
      userId: text,
      serviceAccountId: text,
      onDelete: text,
    })
    .default({}),
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

type Resource = z.infer<typeof resourceShape>;
type PendingResource = z.infer<typeof pendingShape>;

/**
 * Reads what `pulumi stack export` wrote; secrets may be encrypted in it.
 * @throws FlexpriceError of kind `configuration` where it is something else.
 */
export async function readStackExport(shell: CommandContext, source: string): Promise<StackExport> {
  const content = await readSource(shell, source);
  const { manifest, resources, pending_operations } = parseExport(content, source).deployment;
  const pending = pending_operations.map(({ resource }) => resource);
  const [, , stack, project] = resources[0]?.urn.split(":").filter((part) => part !== "") ?? [];
  return {
    source: source === STDIN ? "standard input" : source,
    stack: stack === undefined ? undefined : `${project}/${stack}`,
    time: manifest.time,
    objects: [...resources, ...pending].flatMap(knownObject),
    pendingOperations: pending.length,
    pendingObjects: pending.flatMap(pendingObject),
  };
}

function knownObject({ type, id, outputs }: Resource): KnownObject[] {
  const kind = kindOf(type);
  if (id === "" || kind === undefined) return [];
  return [
    {
      kind,
      id,
      tenantId: outputs.tenantId,
      name: outputs.name,
      autoName: outputs.autoName,
      namePrefix: outputs.namePrefix,
      ownerId: outputs.userId ?? outputs.serviceAccountId,
      isLeftToExpire: outputs.onDelete === "expire",
    },
  ];
}

function pendingObject({ type, id, inputs }: PendingResource): PendingObject[] {
  const kind = kindOf(type);
  if (id !== "" || kind === undefined) return [];
  const { roles, serviceAccountId: ownerId, adopt } = inputs;
  return [{ kind, id: adoptedId(adopt), name: nameOf(inputs), roles, ownerId }];
}

/** Inputs may be encrypted: then nothing is said, which fits anything. */
function nameOf({ name, namePrefix, adopt }: PendingResource["inputs"]): string | undefined {
  // What is adopted has any name.
  if (adopt !== undefined && adopt !== null) return undefined;
  const given = name ?? namePrefix;
  return typeof given === "string" ? given : undefined;
}

/** Of an account the id itself is given, of a key the id beside the value. */
function adoptedId(adopt: unknown): string | undefined {
  const id = typeof adopt === "object" && adopt !== null && "id" in adopt ? adopt.id : adopt;
  return typeof id === "string" ? id : undefined;
}

function kindOf(type: string): KnownObject["kind"] | undefined {
  if (type === API_KEY_TYPE) return "key";
  return type === SERVICE_ACCOUNT_TYPE ? "account" : undefined;
}

async function readSource({ stdin, directory }: CommandContext, source: string): Promise<string> {
  if (source === STDIN) {
    const pieces: Buffer[] = [];
    for await (const piece of stdin) pieces.push(Buffer.from(piece));
    return Buffer.concat(pieces).toString("utf8");
  }
  try {
    return readFileSync(resolve(directory, source), "utf8");
  } catch (error) {
    throw unusable(source, String(Object(error).message));
  }
}

function parseExport(content: string, source: string): z.infer<typeof exportShape> {
  let json: unknown;
  try {
    json = JSON.parse(content.replace(/^\uFEFF/, ""));
  } catch {
    throw unusable(source, "it is not JSON");
  }
  const parsed = exportShape.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw unusable(
    source,
    `it is JSON, but not a stack's export: ${issue?.path.join(".") || "the whole"}: ${issue?.message}`,
  );
}

function unusable(source: string, reason: string): FlexpriceError {
  return new FlexpriceError({
    kind: "configuration",
    operation: `read the stack export ${source === STDIN ? "from standard input" : source}`,
    reason,
    fix: `write it with "pulumi stack export --stack NAME --file ${source === STDIN ? "state.json" : source}".`,
  });
}
