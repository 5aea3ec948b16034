import type { CreatedKey, User } from "../../../provider/api/schemas";
import type { EmulatedKey, EmulatedUser } from "../../../provider/emulator";
import type { AccountSpec, KeySpec } from "../../../provider/session/creates";
import { operation } from "../../../provider/shared/errors";
import { type ProcessOptions, type ProviderProcess, UnitFixture } from "../fixture";
import { type JournalingProcess, Notes } from "./notes";

export const POST_ACCOUNT = { match: { method: "POST", path: /^\/v1\/users$/ } };
export const POST_KEY = { match: { method: "POST", path: /^\/v1\/secrets\/api\/keys$/ } };
export const ACCOUNT: AccountSpec = { namePrefix: "ci", roles: ["event_reader", "event_ingestor"] };
/** An existing account, to create keys for. */
export const OWNER = { name: "owner", roles: ["event_ingestor"] };

/** A process that knows its caller, which every create needs. */
export async function started(
  fixture: UnitFixture,
  options?: ProcessOptions,
): Promise<ProviderProcess> {
  const process = fixture.process(options);
  await process.connection.caller();
  fixture.emulator.clearRequests();
  return process;
}

/** A server, the notes about creates, and a process that writes them and knows its caller. */
export async function startWithNotes(): Promise<{
  fixture: UnitFixture;
  notes: Notes;
  process: JournalingProcess;
}> {
  const fixture = await UnitFixture.start();
  const notes = new Notes(fixture);
  const process = notes.start();
  await process.connection.caller();
  fixture.emulator.clearRequests();
  return { fixture, notes, process };
}

export async function makeAccount(
  { connection }: ProviderProcess,
  account = ACCOUNT,
): Promise<User> {
  const caller = await connection.caller();
  return await operation(`create service account "${account.name ?? account.namePrefix}"`, () =>
    connection.creates.account(account, caller),
  );
}

export async function makeKey(
  { connection }: ProviderProcess,
  accountId: string,
  key: Partial<KeySpec> = {},
): Promise<CreatedKey> {
  const caller = await connection.caller();
  return await operation('create API key "k"', () =>
    connection.creates.key({ namePrefix: "k", type: "private_key", accountId, ...key }, caller),
  );
}

export function live({ emulator }: UnitFixture): Pick<EmulatedUser, "id" | "name" | "roles">[] {
  return emulator
    .accounts()
    .filter(({ status }) => status === "published")
    .map(({ id, name, roles }) => ({ id, name, roles }));
}

export function liveKeys({ emulator }: UnitFixture, owner: string): EmulatedKey[] {
  return emulator.keys().filter((key) => key.userId === owner && key.status === "published");
}

export function lostKeyOf({ emulator }: UnitFixture, owner: string): string | undefined {
  return emulator.keys().find(({ userId, status }) => userId === owner && status === "deleted")?.id;
}

/** The names in the create requests so far, in order of arrival. */
export function namesSent({ emulator }: UnitFixture): string[] {
  return emulator
    .writes()
    .filter(({ method }) => method === "POST")
    .map(({ body }) => (body as { name: string }).name);
}
