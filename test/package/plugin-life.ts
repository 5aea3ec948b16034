import assert from "node:assert/strict";
import { delimiter } from "node:path";
import schema from "../../provider/plugin/schema.json";
import { EngineFixture, succeeded } from "../engine/fixture";

const { version, pluginDownloadURL } = schema;

/** What a generated SDK registers. */
const PROGRAM = `
const { CustomResource } = require("@pulumi/pulumi");
const options = ${JSON.stringify({ version, pluginDownloadURL })};
const register = (type, inputs) => new CustomResource("flexprice:index:" + type, "ci", inputs, options);
const account = register("ServiceAccount", { roles: ["event_ingestor"] });
const key = register("ApiKey", { serviceAccountId: account.id, apiKey: undefined });
module.exports = { apiKey: key.apiKey };
`;

/** Names the folder of commands that a package manager makes. */
export const IN_NODE_MODULES = {
  plugins: { providers: [{ name: "flexprice", path: "../node_modules/.bin" }] },
};

interface Installation {
  /** More of Pulumi.yaml. */
  readonly project?: object;
  /** Folders before all others of PATH. */
  readonly onPath?: readonly string[];
  readonly env?: Record<string, string | undefined>;
  /** The folder to make the program's folder in. */
  readonly within?: string;
  readonly ownProcess?: boolean;
  /** Called when there is a stack. */
  readonly prepare?: (fixture: EngineFixture) => Promise<void>;
}

/** An account and a key are created and destroyed by a plugin that is found like this. Returns what `up` printed. */
export async function pluginLife(installation: Installation): Promise<string> {
  const { project, onPath = [], env = {}, within, ownProcess = false, prepare } = installation;
  const fixture = await EngineFixture.open(PROGRAM, {
    program: {
      language: "javascript",
      files: { "Pulumi.yaml": JSON.stringify({ name: "test", runtime: "nodejs", ...project }) },
      ...(within === undefined ? {} : { within }),
    },
    env,
    ownProcess,
  });
  try {
    const { workspace } = fixture;
    workspace.env["PATH"] = [...onPath, workspace.env["PATH"]].join(delimiter);
    await prepare?.(fixture);
    const up = succeeded(await fixture.up());
    const [key] = fixture.keys();
    assert.ok(key);
    assert.deepEqual(await fixture.outputs(), { apiKey: key.value });
    assert.deepEqual(
      fixture.accounts().map(({ id, roles }) => [id, roles]),
      [[key.userId, ["event_ingestor"]]],
    );
    succeeded(await fixture.destroy());
    assert.deepEqual([fixture.accounts(), fixture.keys()], [[], []]);
    return up.output;
  } finally {
    await fixture.close();
  }
}
