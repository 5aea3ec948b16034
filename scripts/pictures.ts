/** `npm run pictures`: draws the pictures in the documents from real output of Pulumi. */
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Emulator, seeded } from "../provider/emulator";
import { terminalPicture } from "./terminal-picture";
import { ok, PulumiWorkspace } from "./workspace";

const FOLDER = resolve(__dirname, "..", "docs", "images");

/** A picture, and how to draw it again. It only changes if the output of Pulumi or the provider changes. */
export const PICTURES: Readonly<Record<string, () => Promise<string>>> = {
  "refused-preview.svg": () =>
    withStack('roles: ["event_ingestr"]', async (workspace) => {
      const { output } = await workspace.preview(COLORED);
      return terminalPicture(
        "pulumi preview rejects a misspelled role, and suggests the right one",
        `${prompt("pulumi preview")}${from(output, "Diagnostics:")}`,
      );
    }),
  "drift.svg": () =>
    withStack('name: "usage-ingestor", roles: ["event_ingestor"]', async (workspace, emulator) => {
      await ok(workspace.up());
      for (const { id } of emulator.accounts()) emulator.renameAccount(id, "renamed by hand");
      const options = ["--refresh", "--diff", "--expect-no-changes"];
      const { output } = await workspace.preview([...options, ...COLORED]);
      return terminalPicture(
        "pulumi preview --refresh shows that the account was renamed, and that up would restore its name",
        `${prompt(`pulumi preview ${options.join(" ")}`)}${output}`,
      );
    }),
};

const COLORED = ["--color", "always"];

/** A stack with an account, and a Flexprice with the same ids and times in each run. */
async function withStack(
  args: string,
  draw: (workspace: PulumiWorkspace, emulator: Emulator) => Promise<string>,
): Promise<string> {
  const emulator = await Emulator.start({
    clock: () => new Date("2030-01-31T08:00:00Z"),
    random: seeded(1),
  });
  const { apiKey } = emulator.createTenant();
  const workspace = await PulumiWorkspace.create({
    program: {
      project: "billing",
      source: `
import * as flexprice from "pulumi-flexprice";
new flexprice.ServiceAccount("usage-ingestor", { ${args} });`,
    },
    stack: "dev",
    env: { FLEXPRICE_BASE_URL: emulator.url, FLEXPRICE_API_KEY: apiKey },
  });
  try {
    return await draw(workspace, emulator);
  } finally {
    await workspace.dispose();
    await emulator.stop();
  }
}

function prompt(command: string): string {
  return `$ \u001b[1m${command}\u001b[0m\n`;
}

/** Everything before this is progress, whose order varies. */
function from(output: string, heading: string): string {
  return output.slice(output.lastIndexOf("\n", output.indexOf(heading)) + 1);
}

async function main(): Promise<void> {
  for (const [name, draw] of Object.entries(PICTURES))
    writeFileSync(join(FOLDER, name), await draw());
}

if (require.main === module) void main();
