import type { CreatedKey, User } from "../../../provider/api/schemas";
import type { EmulatedKey, EmulatedUser } from "../../../provider/emulator";
import type { AccountSpec, KeySpec } from "../../../provider/session/creates";
import { operation } from "../../../provider/shared/errors";
import type { TestFaultKind } from "../../support/faults";
import type { ProviderProcess, UnitFixture } from "../fixture";

export const POST_ACCOUNT = { match: { method: "POST", path: /^\/v1\/users$/ } };
export const POST_KEY = { match: { method: "POST", path: /^\/v1\/secrets\/api\/keys$/ } };
export const ACCOUNT: AccountSpec = { namePrefix: "ci", roles: ["event_reader", "event_ingestor"] };
export const FORBIDDEN: TestFaultKind = { kind: "status", status: 403, body: { message: "no" } };
/** An existing account, to create keys for. */
const OWNER = { name: "owner", roles: ["event_ingestor"] };

export function createOwner({ emulator, operator }: UnitFixture): string {
  return emulator.createAccount(operator.tenantId, OWNER).id;
}

/** Lets a provider look up its caller, so that the log only has what a create sends. */
export async function ready<Provider extends ProviderProcess>(
  { emulator }: UnitFixture,
  provider: Provider,
): Promise<Provider> {
  await provider.connection.caller();
  emulator.clearRequests();
  return provider;
}

export async function createAccount(
  { connection }: ProviderProcess,
  account = ACCOUNT,
): Promise<User> {
  const caller = await connection.caller();
  return await operation(`create service account "${account.name ?? account.namePrefix}"`, () =>
    connection.creates.account(account, caller),
  );
}

export async function createKey(
  { connection }: ProviderProcess,
  accountId: string,
  key: Partial<KeySpec> = {},
): Promise<CreatedKey> {
  const caller = await connection.caller();
  return await operation('create API key "k"', () =>
    connection.creates.key({ namePrefix: "k", type: "private_key", accountId, ...key }, caller),
  );
}

/** The accounts that are not archived, without the owner of keys. */
export function liveAccounts({
  emulator,
}: UnitFixture): Pick<EmulatedUser, "id" | "name" | "roles">[] {
  return emulator
    .accounts()
    .filter(({ name, status }) => status === "published" && name !== OWNER.name)
    .map(({ id, name, roles }) => ({ id, name, roles }));
}

export function accountIds(fixture: UnitFixture): string[] {
  return liveAccounts(fixture).map(({ id }) => id);
}

/** The keys of an owner that are not revoked. */
export function liveKeys({ emulator }: UnitFixture, owner: string): EmulatedKey[] {
  return emulator.keys().filter((key) => key.userId === owner && key.status === "published");
}

export function keyIds(fixture: UnitFixture, owner: string): string[] {
  return liveKeys(fixture, owner).map(({ id }) => id);
}

export function keyValues(fixture: UnitFixture, owner: string): string[] {
  return liveKeys(fixture, owner).map(({ value }) => value);
}

export function revokedKeyOf({ emulator }: UnitFixture, owner: string): string | undefined {
  return emulator.keys().find(({ userId, status }) => userId === owner && status === "deleted")?.id;
}

/** The names in the create requests so far, in order of arrival. */
export function namesSent({ emulator }: UnitFixture): string[] {
  return emulator
    .writes()
    .filter(({ method }) => method === "POST")
    .map(({ body }) => (body as { name: string }).name);
}
