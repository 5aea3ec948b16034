import { CHANGES_SEEN } from "../engine/fixture";
import { atNight } from "../support/sample";
import { type DocSession, follow } from "./follow";

const DRIFT = "pulumi preview --refresh";

async function renameAccount({ fixture }: DocSession): Promise<void> {
  for (const { id } of fixture.accounts())
    fixture.emulator.renameAccount(id, "renamed in the dashboard");
}

atNight(() =>
  follow("docs/drift.md", {
    before: {
      [DRIFT]: renameAccount,
      "is not accepted by the server": async (session) => {
        const { fixture } = session;
        const { env } = fixture.workspace;
        const { tenantId, environmentId, apiKey } = fixture.operator;
        const root = fixture.emulator.createAccount(tenantId, {
          name: "root",
          roles: ["super_admin"],
        });
        for (const { id } of fixture.keys()) fixture.emulator.revokeKey(id);
        env["FLEXPRICE_API_KEY"] = fixture.emulator.createKey(root.id, environmentId, {
          name: "root",
        }).value;
        await session.type(["pulumi refresh --skip-preview"]);
        env["FLEXPRICE_API_KEY"] = apiKey;
      },
      "Flexprice answered 401": async (session) => {
        const { fixture } = session;
        const { env } = fixture.workspace;
        const { userId, environmentId, apiKey } = fixture.operator;
        const setKey = "pulumi config set --secret flexprice:apiKey";
        delete env["FLEXPRICE_API_KEY"];
        await session.type([setKey, "pulumi up --skip-preview"]);
        const [old] = fixture.emulator.keys().filter(({ value }) => value === apiKey);
        fixture.emulator.revokeKey(String(old?.id));
        env["OPERATOR_KEY"] = fixture.emulator.createKey(userId, environmentId, {
          name: "new",
        }).value;
        await session.type([setKey, "pulumi refresh --skip-preview"], 1);
      },
    },
    status: { [DRIFT]: CHANGES_SEEN },
  }),
);
