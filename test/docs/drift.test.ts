import { CHANGES_SEEN } from "../engine/fixture";
import { follow, type Scene } from "./follow";

const DRIFT = "pulumi preview --refresh";

async function renameAccount({ bench }: Scene): Promise<void> {
  for (const { id } of bench.accounts())
    bench.emulator.renameAccount(id, "renamed in the dashboard");
}

follow("docs/drift.md", {
  before: {
    [DRIFT]: renameAccount,
    "is not accepted by the server": async (scene) => {
      const { bench } = scene;
      const { env } = bench.workspace;
      const { tenantId, environmentId, apiKey } = bench.operator;
      const root = bench.emulator.createAccount(tenantId, { name: "root", roles: ["super_admin"] });
      for (const { id } of bench.keys()) bench.emulator.revokeKey(id);
      env["FLEXPRICE_API_KEY"] = bench.emulator.createKey(root.id, environmentId, {
        name: "root",
      }).value;
      await scene.type(["pulumi refresh --skip-preview"]);
      env["FLEXPRICE_API_KEY"] = apiKey;
    },
    "Flexprice answered 401": async (scene) => {
      const { bench } = scene;
      const { env } = bench.workspace;
      const { userId, environmentId, apiKey } = bench.operator;
      const setKey = "pulumi config set --secret flexprice:apiKey";
      delete env["FLEXPRICE_API_KEY"];
      await scene.type([setKey, "pulumi up --skip-preview"]);
      const [old] = bench.emulator.keys().filter(({ value }) => value === apiKey);
      bench.emulator.revokeKey(String(old?.id));
      env["OPERATOR_KEY"] = bench.emulator.createKey(userId, environmentId, { name: "new" }).value;
      await scene.type([setKey, "pulumi refresh --skip-preview"], 1);
    },
  },
  status: { [DRIFT]: CHANGES_SEEN },
});
