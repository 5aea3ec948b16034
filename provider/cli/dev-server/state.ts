import {
  type BigIntStats,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { z } from "zod";
import type { Operator, Snapshot } from "../../emulator";
import { errorText, FlexpriceError } from "../../shared/errors";
import { parseJson } from "../../shared/json";

/** A dev-server between two runs. */
export interface SavedServer {
  /** Where it listens, or last did. */
  readonly url: string;
  /** How far its clock is ahead. */
  readonly aheadMs: number;
  /** The user whose key it prints. */
  readonly operator: Pick<Operator, "apiKey" | "tenantId" | "environmentId" | "userId">;
  readonly data: Snapshot;
}

const FORMAT = "state of pulumi-flexprice dev-server";
const VERSION = 1;

/** How long a server on this machine may take to answer. */
const ANSWER_TIMEOUT_MS = 2_000;

const text = z.string();
const bigint = z
  .string()
  .regex(/^-?\d+$/)
  .transform(BigInt);
const row = z.object({ id: text, tenantId: text, createdAt: bigint });

const fileShape = z.object({
  format: z.literal(FORMAT),
  version: z.literal(VERSION),
  url: z.url(),
  aheadMs: z.number().nonnegative(),
  operator: z.object({ apiKey: text, tenantId: text, environmentId: text, userId: text }),
  data: z.object({
    tokenSecret: z.string().regex(/^[0-9a-f]{64}$/),
    tenants: z.array(row.omit({ tenantId: true }).extend({ name: text, isSuspended: z.boolean() })),
    environments: z.array(row.extend({ name: text, type: text })),
    users: z.array(
      row.extend({
        type: z.enum(["user", "service_account"]),
        email: text,
        password: text,
        name: text,
        roles: z.array(text),
        metadata: z.record(text, text).optional(),
        status: z.enum(["published", "archived"]),
      }),
    ),
    keys: z.array(
      row.extend({
        environmentId: text,
        userId: text,
        userType: z.enum(["user", "service_account"]),
        type: z.enum(["private_key", "publishable_key"]),
        name: text,
        value: text,
        roles: z.array(text),
        expiresAt: z.object({ nanos: bigint, offsetMinutes: z.number() }).optional(),
        status: z.enum(["published", "deleted"]),
      }),
    ),
  }),
});

/** The file of `--state`. One server writes it, and only over what it has read or written itself. */
export class StateFile {
  /** @throws FlexpriceError for a file that is not one of these, and for one that a running server uses. */
  static async open(path: string): Promise<StateFile> {
    const file = new StateFile(resolveLinks(path));
    if (file.saved !== undefined && (await isServed(file.saved))) {
      throw file.error(
        "refused",
        `the dev-server at ${file.saved.url} uses it`,
        "use that server, or stop it first, or name another file.",
      );
    }
    file.removeDraft();
    return file;
  }

  /** What the file has; undefined if there is no file yet. */
  readonly saved: SavedServer | undefined;
  private written: BigIntStats | undefined;

  private readonly draft: string;

  private constructor(private readonly path: string) {
    this.draft = `${path}.tmp`;
    this.written = this.stat();
    this.saved = this.written && this.read();
  }

  /** @throws FlexpriceError if the file cannot be written, or is no longer the one of this server. */
  save(server: SavedServer): void {
    const present = this.stat();
    if (present !== undefined && !isSame(present, this.written)) {
      throw this.error(
        "refused",
        "another program has changed it since this server last wrote it",
        "start one dev-server per file. The file is as that program left it.",
      );
    }
    try {
      const content = JSON.stringify(
        { format: FORMAT, version: VERSION, ...server },
        bigintAsText,
        1,
      );
      this.removeDraft();
      writeFileSync(this.draft, `${content}\n`, { mode: 0o600, flag: "wx", flush: true });
      renameSync(this.draft, this.path);
    } catch (error) {
      this.removeDraft();
      throw this.error(
        "configuration",
        errorText(error),
        "name a file in a folder where you may write, on a disk with free space.",
      );
    }
    this.written = this.stat();
  }

  /** What a server that was killed has left has all keys, too. */
  private removeDraft(): void {
    rmSync(this.draft, { force: true });
  }

  private read(): SavedServer {
    const json = parseJson(this.readable(() => readFileSync(this.path, "utf8")));
    const { success, data, error } = fileShape.safeParse(json);
    if (success) return data;
    const [issue] = error.issues;
    const place = issue?.path.join(".") || "the whole";
    throw this.error(
      "configuration",
      json === undefined
        ? "it is not JSON, so it is damaged or belongs to something else"
        : `it does not look like what this version of dev-server writes: ${place}: ${issue?.message}`,
      "name another file, or one that does not exist yet. This one was not changed.",
    );
  }

  private stat(): BigIntStats | undefined {
    return this.readable(() => statSync(this.path, { bigint: true, throwIfNoEntry: false }));
  }

  private readable<Result>(read: () => Result): Result {
    try {
      return read();
    } catch (error) {
      throw this.error("configuration", errorText(error), "name a file that you may read.");
    }
  }

  private error(kind: "configuration" | "refused", reason: string, fix: string): FlexpriceError {
    return new FlexpriceError({ kind, operation: `keep data in ${this.path}`, reason, fix });
  }
}

/** Otherwise a rename would replace the link. */
function resolveLinks(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function isSame(one: BigIntStats, other: BigIntStats | undefined): boolean {
  return one.ino === other?.ino && one.mtimeNs === other.mtimeNs && one.size === other.size;
}

/** Whether a server with this data runs. No other one knows its operator. */
async function isServed({ url, operator }: SavedServer): Promise<boolean> {
  try {
    const response = await fetch(`${url}/users/me`, {
      headers: { "x-api-key": operator.apiKey },
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
    return response.ok && (await response.text()).includes(operator.userId);
  } catch {
    return false;
  }
}

function bigintAsText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
