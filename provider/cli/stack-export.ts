import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { z } from "zod";
import { FlexpriceError } from "../errors";
import { API_KEY_TYPE, SERVICE_ACCOUNT_TYPE } from "../resources/types";
import type { Shell } from "./shell";

/** What a stack's state says of one account or key. */
export interface KnownObject {
  readonly kind: "account" | "key";
  readonly id: string;
  /** Undefined where it is encrypted. */
  readonly tenantId: string | undefined;
  readonly name: string | undefined;
  /** Of a key: who it acts for. */
  readonly ownerId: string | undefined;
  /** Of a key: whether its resource leaves it to its own expiry. */
  readonly isLeftToExpire: boolean;
}

/** The part of `pulumi stack export` that counts here. */
export interface StackExport {
  /** As the user named it. */
  readonly source: string;
  /** `project/stack`; undefined when nothing is in it. */
  readonly stack: string | undefined;
  /** How long ago it was written, in milliseconds: what was made since cannot be in it. */
  readonly ageMs: number;
  readonly objects: readonly KnownObject[];
  /** Operations that were under way, or cut off. */
  readonly pendingOperations: number;
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
    .object({ tenantId: text, name: text, userId: text, serviceAccountId: text, onDelete: text })
    .default({}),
});

const exportShape = z.object({
  version: z.number(),
  deployment: z.object({
    manifest: z.object({ time: z.string() }),
    resources: z.array(resourceShape).default([]),
    pending_operations: z
      .array(z.object({ resource: resourceShape }))
      .nullish()
      .transform((operations) => operations ?? []),
  }),
});

type Resource = z.infer<typeof resourceShape>;

/**
 * Reads what `pulumi stack export` wrote; secrets may be encrypted in it.
 * @throws FlexpriceError of kind `configuration` where it is something else.
 */
export async function readStackExport(shell: Shell, source: string): Promise<StackExport> {
  const { content, ageMs } = await readSource(shell, source);
  const { resources, pending_operations } = parseExport(content, source).deployment;
  const all = [...resources, ...pending_operations.map(({ resource }) => resource)];
  const [, , stack, project] = resources[0]?.urn.split(":").filter((part) => part !== "") ?? [];
  return {
    source: source === STDIN ? "standard input" : source,
    stack: stack === undefined ? undefined : `${project}/${stack}`,
    ageMs,
    objects: all.flatMap(knownObject),
    pendingOperations: pending_operations.length,
  };
}

function knownObject({ type, id, outputs }: Resource): KnownObject[] {
  if (id === "" || (type !== SERVICE_ACCOUNT_TYPE && type !== API_KEY_TYPE)) return [];
  return [
    {
      kind: type === API_KEY_TYPE ? "key" : "account",
      id,
      tenantId: outputs.tenantId,
      name: outputs.name,
      ownerId: outputs.userId ?? outputs.serviceAccountId,
      isLeftToExpire: outputs.onDelete === "expire",
    },
  ];
}

async function readSource(
  { stdin, directory, world }: Shell,
  source: string,
): Promise<{ content: string; ageMs: number }> {
  if (source === STDIN) {
    const pieces: Buffer[] = [];
    for await (const piece of stdin) pieces.push(Buffer.from(piece));
    return { content: Buffer.concat(pieces).toString("utf8"), ageMs: 0 };
  }
  try {
    const path = resolve(directory, source);
    return {
      content: readFileSync(path, "utf8"),
      ageMs: Math.max(0, world.now() - statSync(path).mtimeMs),
    };
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

function unusable(source: string, answer: string): FlexpriceError {
  return new FlexpriceError({
    kind: "configuration",
    attempted: `read the stack export ${source === STDIN ? "from standard input" : source}`,
    answer,
    advice: `write it with "pulumi stack export --stack NAME --file ${source === STDIN ? "state.json" : source}".`,
  });
}
