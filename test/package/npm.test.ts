import assert from "node:assert/strict";
import { delimiter, join } from "node:path";
import { version as SDK } from "@pulumi/pulumi/version";
import { output } from "./command";
import { type Consumer, install } from "./consumer";
import { comesUp, wholeLife } from "./life";
import { loadedByImport } from "./loaded";
import { manifest } from "./manifest";
import { SDK_ALONE } from "./programs";
import { NODES, nodeFolder } from "./tools";

describe("installed by npm beside the SDK alone, as the README says", () => {
  let consumer: Consumer;
  before(async () => {
    consumer = await install("npm", { "@pulumi/pulumi": SDK });
  });
  after(() => consumer?.dispose());

  it("loads into a program little more than the resources themselves", async () => {
    const packages = new Set<string>();
    for (const file of await loadedByImport(consumer.folder)) {
      const [name = "", ...rest] = file.split("/");
      packages.add(name === "pulumi-flexprice" ? [name, ...rest.slice(0, -1)].join("/") : name);
    }
    assert.deepEqual([...packages].sort(), [
      "fastest-levenshtein",
      "pulumi-flexprice/dist",
      "pulumi-flexprice/dist/api",
      "pulumi-flexprice/dist/resources",
      "zod",
    ]);
  });

  for (const node of NODES) {
    describe(`on Node ${node}`, () => {
      it("takes a program through its whole life", () =>
        wholeLife(node, SDK, { within: consumer.folder }));

      for (const [form, program] of Object.entries(SDK_ALONE)) {
        it(`serves ${form}`, () => comesUp(node, { ...program, within: consumer.folder }));
      }

      for (const command of Object.keys(manifest.bin)) {
        it(`has the command ${command}`, async () => {
          const { PATH = "" } = process.env;
          const help = await output(
            join(consumer.folder, "node_modules", ".bin", command),
            ["--help"],
            { env: { ...process.env, PATH: [await nodeFolder(node), PATH].join(delimiter) } },
          );
          assert.match(help, new RegExp(`\\b${command}\\b`));
        });
      }
    });
  }
});
