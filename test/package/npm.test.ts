import assert from "node:assert/strict";
import { delimiter, join, posix } from "node:path";
import { version as SDK } from "@pulumi/pulumi/version";
import { sample } from "../support/sample";
import { output } from "./command";
import { type Consumer, install } from "./consumer";
import { comesUp, wholeLife } from "./life";
import { loadedByImport } from "./loaded";
import { manifest } from "./manifest";
import { SDK_ALONE } from "./programs";
import { allNodes, DOWNLOADS_MS, NODES, nodeFolder } from "./tools";

describe("installed by npm beside the SDK alone, as the README says", () => {
  let consumer: Consumer;
  before(async function () {
    this.timeout(DOWNLOADS_MS);
    await allNodes();
    consumer = await install("npm", { "@pulumi/pulumi": SDK });
  });
  after(() => consumer?.dispose());

  it("loads into a program nothing but resources and functions: no HTTP client, no life cycle, no library", async () => {
    const loaded = await loadedByImport(consumer.folder);
    assert.deepEqual([...new Set(loaded.map((file) => posix.dirname(file)))].sort(), [
      "pulumi-flexprice/dist",
      ...["config", "functions", "resources", "shared"].map(
        (one) => `pulumi-flexprice/dist/${one}`,
      ),
    ]);
  });

  for (const node of NODES) {
    describe(`on Node ${node}`, () => {
      it("takes a program through its whole life", () =>
        wholeLife(node, SDK, { within: consumer.folder }));

      for (const [form, program] of sample(Object.entries(SDK_ALONE))) {
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
