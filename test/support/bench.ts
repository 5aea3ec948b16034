import { Emulator, type Operator } from "../../provider/emulator";
import { PulumiWorkspace } from "../../toolchain/workspace";

/** A program with one account and a private key of it. Name and roles are code. */
export function accountWithKey(name = '"ci"', roles = '["event_ingestor"]'): string {
  return `
import * as flexprice from "pulumi-flexprice";
const account = new flexprice.ServiceAccount("ci", { name: ${name}, roles: ${roles} });
const key = new flexprice.ApiKey("ci", { serviceAccountId: account.id });
export const accountId = account.id;
export const keyId = key.id;
export const apiKey = key.apiKey;
`;
}

/** A tenant on an embedded Flexprice and a stack whose program talks to it. */
export interface Bench {
  readonly emulator: Emulator;
  readonly operator: Operator;
  readonly workspace: PulumiWorkspace;
  dispose(): Promise<void>;
}

export async function openBench(source: string): Promise<Bench> {
  const emulator = await Emulator.start();
  const operator = emulator.createTenant();
  const workspace = await PulumiWorkspace.create({
    program: { source },
    env: { FLEXPRICE_BASE_URL: emulator.url },
    config: { "flexprice:apiKey": { value: operator.apiKey, secret: true } },
  });
  return {
    emulator,
    operator,
    workspace,
    async dispose() {
      await workspace.dispose();
      await emulator.stop();
    },
  };
}

/** The requests that changed something: `METHOD /path status`, ids left as they are. */
export function writes({ emulator }: Bench): string[] {
  return emulator.writes().map(({ method, path, status }) => `${method} ${path} ${status}`);
}
