import { createHmac, timingSafeEqual } from "node:crypto";
import { inaccessibleEnvironment, Refusal, unauthorized } from "./answers";
import type { Key } from "./database";
import { nanosOf } from "./instant";
import { CONFIGURED_API_KEY, DEFAULT_TENANT_ID, type State } from "./state";

const TOKEN_LIFETIME_SECONDS = 30 * 24 * 60 * 60;

/** How long a cached key works during a database outage if revocation is not delayed. */
const CACHE_LIFETIME_MS = 120_000;

/** The first value of each header. Names are in lower case. */
export type RequestHeaders = Readonly<Record<string, string>>;

/** The caller, after authentication. */
export interface Caller {
  readonly tenantId: string;
  readonly userId: string;
  readonly roles: readonly string[];
  /** True for the key of a service account; false for a token or the key of a user. */
  readonly isServiceAccount: boolean;
  /** "" on the few routes that need no environment. */
  readonly environmentId: string;
}

/** Whether the caller is a person with super_admin. The key of a service account never counts, whatever its roles. */
export function isAdministrator({ isServiceAccount, roles }: Caller): boolean {
  return !isServiceAccount && roles.includes("super_admin");
}

type Principal = Omit<Caller, "environmentId"> & { readonly boundEnvironmentId?: string };

interface Claims {
  readonly exp: number;
  readonly iat: number;
  readonly tenant_id: string;
  readonly user_id: string;
}

/** Checks tokens and keys. A cache keeps revoked keys working for a while. */
export class Authentication {
  private readonly loadedAt = new Map<string, number>();

  constructor(
    private readonly state: State,
    private readonly revocationDelayMs: number,
  ) {}

  issueToken(userId: string, tenantId: string): string {
    const iat = Math.floor(this.state.clock().getTime() / 1000);
    const claims: Claims = {
      exp: iat + TOKEN_LIFETIME_SECONDS,
      iat,
      tenant_id: tenantId,
      user_id: userId,
    };
    const signed = `${encode({ alg: "HS256", typ: "JWT" })}.${encode(claims)}`;
    return `${signed}.${this.sign(signed)}`;
  }

  /** Throws if neither credential is accepted: after an invalid key, the token is tried. */
  authenticate(headers: RequestHeaders, needsEnvironment: boolean): Caller {
    const principal =
      this.byKey(headers["x-api-key"] ?? "") ?? this.byToken(headers["authorization"] ?? "");
    const { boundEnvironmentId, ...caller } = principal;
    const chosen = headers["x-environment-id"] ?? "";
    const environmentId =
      boundEnvironmentId ?? this.chosenEnvironment(chosen, caller.tenantId, needsEnvironment);
    return { ...caller, environmentId };
  }

  private byKey(value: string): Principal | undefined {
    if (value === CONFIGURED_API_KEY) {
      return {
        tenantId: DEFAULT_TENANT_ID,
        userId: DEFAULT_TENANT_ID,
        roles: ["super_admin"],
        isServiceAccount: false,
      };
    }
    const key = this.load(value);
    if (!key || this.isExpired(key)) return undefined;
    return {
      tenantId: key.tenantId,
      userId: key.userId,
      roles: key.roles,
      isServiceAccount: key.userType === "service_account",
      boundEnvironmentId: key.environmentId,
    };
  }

  /**
   * A key in the cache works until its time since loading is over. Revoking the key does not clear the cache, and
   * using the key does not extend the time. A key that is not in the cache needs the database.
   */
  private load(value: string): Key | undefined {
    const key = this.state.keyByValue(value);
    if (key?.type !== "private_key") return undefined;
    const now = this.state.clock().getTime();
    const lifetime = this.revocationDelayMs || CACHE_LIFETIME_MS;
    const loaded = this.loadedAt.get(value);
    if (loaded !== undefined && now - loaded < lifetime) {
      const survivesRevocation = this.revocationDelayMs > 0;
      return key.status === "published" || survivesRevocation ? key : undefined;
    }
    if (this.state.isDown() || key.status !== "published") return undefined;
    this.loadedAt.set(value, now);
    return key;
  }

  private isExpired(key: Key): boolean {
    return key.expiresAt !== undefined && key.expiresAt.nanos < nanosOf(this.state.clock());
  }

  private byToken(authorization: string): Principal {
    if (authorization === "") throw new Refusal(unauthorized());
    if (!authorization.startsWith("Bearer ")) {
      throw new Refusal(unauthorized("Invalid authorization header format"));
    }
    const claims = this.verify(authorization.slice("Bearer ".length));
    if (!claims) throw new Refusal(unauthorized("Invalid token"));
    if (this.state.isDown()) throw this.outageForTokens();
    const user = this.state.user(claims.tenant_id, claims.user_id);
    if (user?.status !== "published") throw new Refusal(unauthorized());
    return {
      tenantId: user.tenantId,
      userId: user.id,
      roles: user.roles,
      isServiceAccount: false,
    };
  }

  private verify(token: string): Claims | undefined {
    const [head, payload, signature, ...rest] = token.split(".");
    if (!head || !payload || !signature || rest.length > 0) return undefined;
    const expected = Buffer.from(this.sign(`${head}.${payload}`));
    const given = Buffer.from(signature);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
    const claims: Claims = JSON.parse(Buffer.from(payload, "base64url").toString());
    return claims.exp * 1000 > this.state.clock().getTime() ? claims : undefined;
  }

  private sign(text: string): string {
    return createHmac("sha256", Buffer.from(this.state.tokenSecret, "hex"))
      .update(text)
      .digest("base64url");
  }

  private chosenEnvironment(requested: string, tenantId: string, isNeeded: boolean): string {
    if (requested === "") {
      if (isNeeded) throw new Refusal(inaccessibleEnvironment());
      return "";
    }
    if (this.state.isDown()) throw new Refusal(unresolvedEnvironment);
    const environment = this.state.environments.get(requested);
    if (environment?.tenantId !== tenantId) throw new Refusal(inaccessibleEnvironment());
    return environment.id;
  }

  /** The status depends on whether the user is in another cache. */
  private outageForTokens(): Refusal {
    return new Refusal(
      this.state.random() < 0.5
        ? unresolvedEnvironment
        : { status: 500, json: { error: "Internal server error" } },
    );
  }
}

const unresolvedEnvironment = {
  status: 500,
  json: { error: "Internal server error", message: "Failed to resolve environment" },
};

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
