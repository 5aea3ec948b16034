import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureLanguage } from "../../../scripts/pulumi-cli/languages";
import { atNight } from "../../support/sample";
import { EngineFixture, succeeded } from "../fixture";
import { copyProgram, placePlugin } from "./program";

const COMMANDS = [
  "pulumi plugin install resource flexprice 0.1.0 --file plugin",
  "pulumi package add flexprice",
  "pulumi install",
];

atNight(() => {
  describe("an example, with its SDK from `pulumi package add`", () => {
    let folder: string;
    let fixture: EngineFixture;
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), "pulumi-flexprice-example-"));
    });
    afterEach(async () => {
      await fixture?.close();
      rmSync(folder, { recursive: true });
    });

    for (const language of ["yaml", "python", "go"] as const) {
      it(`comes up in ${language}`, async () => {
        await ensureLanguage(language);
        copyProgram(language, folder);
        mkdirSync(join(folder, "plugin"));
        placePlugin(join(folder, "plugin"));
        fixture = await EngineFixture.on(folder);
        for (const command of COMMANDS) {
          const { exitCode, output } = await fixture.shell(command, folder);
          assert.equal(exitCode, 0, output);
        }

        const up = succeeded(await fixture.up());
        assert.match(up.output, /Resources:\n +\+ 3 created/);
        succeeded(await fixture.destroy());
        assert.deepEqual(fixture.accounts(), []);
      });
    }
  });
});
