import type { RecordedRequest } from "../../provider/emulator";
import { accountWithKey, type EngineFixture } from "./fixture";

/**
 * Declares a dependent of the program's `key`. On each change, it uses the old and the new key, and stores the server's
 * responses in its output `sees`.
 */
export const CONSUMER = `
import * as pulumi from "@pulumi/pulumi";
class Consumer extends pulumi.CustomResource {
  declare readonly sees: pulumi.Output<string>;
  constructor(name: string, apiKey: pulumi.Input<string>) {
    const use = "async (key) => (await fetch(process.env.FLEXPRICE_BASE_URL + '/users/me', { headers: { 'x-api-key': key } })).status";
    super("pulumi-nodejs:dynamic:Consumer", name, {
      apiKey,
      sees: undefined,
      __provider: \`exports.handler = () => {
        const use = \${use};
        return {
          diff: async (id, olds, news) => ({ changes: olds.apiKey !== news.apiKey }),
          create: async (news) => ({ id: "consumer", outs: { ...news, sees: "new " + await use(news.apiKey) } }),
          update: async (id, olds, news) => ({ outs: { ...news, sees: "old " + await use(olds.apiKey) + ", new " + await use(news.apiKey) } }),
        };
      }\`,
    });
  }
}
export const sees = new Consumer("consumer", key.apiKey).sees;
`;

/** An account, its key with these inputs, and a consumer of the key. */
export function withConsumer(key: string, account = "forceDestroy: false"): string {
  return accountWithKey({ account, key, more: CONSUMER });
}

/** The steps that replace the key, new before old. */
export const KEY_REPLACED = [
  "create-replacement ApiKey ci",
  "replace ApiKey ci",
  "delete-replaced ApiKey ci",
];

/** The key in the state. */
export async function keyState(fixture: EngineFixture): Promise<Record<string, unknown>> {
  return (await fixture.held())["ApiKey ci"]?.outputs ?? {};
}

/** The HTTP status that a consumer with this key gets now. */
export async function use({ emulator }: EngineFixture, apiKey: unknown): Promise<number> {
  const response = await fetch(`${emulator.url}/users/me`, {
    headers: { "x-api-key": String(apiKey) },
  });
  await response.body?.cancel();
  return response.status;
}

/** All requests since the last call, in order, e.g. `operator: GET /v1/users/me 200`. `names` names other callers. */
export function takeTraffic(
  { emulator, operator }: EngineFixture,
  callers: Record<string, unknown> = {},
): string[] {
  const names = new Map(Object.entries(callers).map(([name, apiKey]) => [apiKey, name]));
  names.set(operator.apiKey, "operator");
  const line = ({ method, path, status, headers }: RecordedRequest) =>
    `${names.get(headers["x-api-key"]) ?? "somebody"}: ${method} ${path} ${status}`;
  const lines = emulator.requests.map(line);
  emulator.clearRequests();
  return lines;
}
