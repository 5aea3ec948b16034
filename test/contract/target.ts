import assert from "node:assert/strict";
import { Emulator } from "../../provider/emulator";
import { type ContractCase, field } from "./case";

/** A server to test against the contract, and the names of its objects for the cases. */
export interface Target {
  /** With /v1. */
  readonly url: string;
  readonly names: Record<string, unknown>;
  stop(): Promise<void>;
}

const { FLEXPRICE_CONTRACT_URL, FLEXPRICE_CONTRACT_ACCESS_TOKEN } = process.env;
const { FLEXPRICE_CONTRACT_ENVIRONMENT_ID } = process.env;

/** Whether the environment variables name a real server. */
export const isRealServer = Boolean(FLEXPRICE_CONTRACT_URL);

/** Objects that only the emulator has, by the names in cases. */
const EMULATOR_ONLY: Readonly<Record<string, string>> = {
  second: "it takes a second environment",
  writer: "it takes a user with all_writer",
  reader: "it takes a user with all_reader",
  other: "it takes a second tenant",
};

/** Why a case cannot run against a real server. */
export function whyEmulatorOnly(contractCase: ContractCase): string | undefined {
  if (contractCase.emulatorOnly !== undefined) return contractCase.emulatorOnly;
  const used = JSON.stringify([contractCase.given, contractCase.request]);
  return Object.entries(EMULATOR_ONLY).find(([name]) => used.includes(`{${name}.`))?.[1];
}

export function startTarget(): Promise<Target> {
  return isRealServer ? realServer() : emulator();
}

async function emulator(): Promise<Target> {
  const server = await Emulator.start();
  const operator = server.createTenant();
  const other = server.createTenant();
  const otherAccount = server.createAccount(other.tenantId, { roles: ["event_ingestor"] });
  const otherKey = server.createKey(otherAccount.id, other.environmentId, { name: "other" });
  return {
    url: server.url,
    names: {
      operator,
      second: { environmentId: server.createEnvironment(operator.tenantId, "Second") },
      writer: server.createUser(operator.tenantId, ["all_writer"]),
      reader: server.createUser(operator.tenantId, ["all_reader"]),
      other: { ...other, accountId: otherAccount.id, secretId: otherKey.id },
    },
    stop: () => server.stop(),
  };
}

async function realServer(): Promise<Target> {
  const url = `${FLEXPRICE_CONTRACT_URL}`.replace(/(\/v1)?\/*$/, "/v1");
  const accessToken = `${FLEXPRICE_CONTRACT_ACCESS_TOKEN}`;
  const response = await fetch(`${url}/users/me`, {
    headers: { Authorization: `Bearer ${accessToken}` },
  });
  const me: unknown = await response.json();
  assert.equal(response.status, 200, "FLEXPRICE_CONTRACT_ACCESS_TOKEN is not accepted");
  const operator = {
    accessToken,
    environmentId: `${FLEXPRICE_CONTRACT_ENVIRONMENT_ID}`,
    userId: field(me, "id"),
    email: field(me, "email"),
    tenantId: field(field(me, "tenant"), "id"),
  };
  return { url, names: { operator }, stop: async () => {} };
}
