import assert from "node:assert/strict";
import { delimiter, join, posix } from "node:path";
import { version as SDK } from "@pulumi/pulumi/version";
import { sample } from "../support/sample";
import { output } from "./command";
import { type Consumer, install } from "./consumer";
import { comesUp, wholeLife } from "./life";
import { loadedByImport } from "./loaded";
import { manifest } from "./manifest";
import { IN_NODE_MODULES, pluginLife } from "./plugin-life";
import { SDK_ALONE } from "./programs";
import { allNodes, DOWNLOADS_MS, NODES, nodeFolder } from "./tools";

const PLUGIN = "pulumi-resource-flexprice";

describe("the package, installed by npm beside only the SDK", () => {
  let consumer: Consumer;
  before(async function () {
    this.timeout(DOWNLOADS_MS);
    await allNodes();
    consumer = await install("npm", { "@pulumi/pulumi": SDK });
  });
  after(() => consumer?.dispose());

  it("loads only resources and functions into a program: no HTTP client, lifecycle or library", async () => {
    const loaded = await loadedByImport(consumer.folder);
    assert.deepEqual([...new Set(loaded.map((file) => posix.dirname(file)))].sort(), [
      "pulumi-flexprice/dist",
      ...["config", "functions", "resources", "shared"].map(
        (one) => `pulumi-flexprice/dist/${one}`,
      ),
    ]);
  });

  it("is found as the plugin by its folder in node_modules", async () => {
    const output = await pluginLife({ within: consumer.folder, project: IN_NODE_MODULES });
    assert.doesNotMatch(output, /warning: /);
  });

  it("is found as the plugin on PATH, with a warning of Pulumi", async () => {
    const bin = join(consumer.folder, "node_modules", ".bin");
    const output = await pluginLife({ onPath: [bin] });
    const warning = `warning: using ${PLUGIN} from $PATH at ${join(bin, PLUGIN)}`;
    assert.ok(output.includes(warning), output);
  });

  for (const node of NODES) {
    describe(`on Node ${node}`, () => {
      it("runs every operation for a program", () =>
        wholeLife(node, SDK, { within: consumer.folder }));

      for (const [form, program] of sample(Object.entries(SDK_ALONE))) {
        it(`works in ${form}`, () => comesUp(node, { ...program, within: consumer.folder }));
      }

      for (const command of Object.keys(manifest.bin).filter((name) => name !== PLUGIN)) {
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
