import assert from "node:assert/strict";
import { version as SDK } from "@pulumi/pulumi/version";
import { nightly, sample } from "../support/sample";
import { type Consumer, install } from "./consumer";
import { comesUp, wholeLife } from "./life";
import { namesOf } from "./loaded";
import { entries, optionalPeers } from "./manifest";
import { IN_NODE_MODULES, pluginLife } from "./plugin-life";
import { OWN_COMPILER } from "./programs";
import { allNodes, DOWNLOADS_MS, NODES } from "./tools";
import { RESOLUTIONS, templateProblems, typeProblems } from "./types";

/** In its strict layout, each package only finds its declared dependencies. */
describe("the package, installed by pnpm beside all optional peers", () => {
  let consumer: Consumer;
  before(async function () {
    this.timeout(DOWNLOADS_MS);
    await allNodes();
    consumer = await install("pnpm", {
      "@pulumi/pulumi": SDK,
      ...optionalPeers,
      "@types/node": "20",
      "ts-node": "10",
      typescript: "5",
    });
  });
  after(() => consumer?.dispose());

  for (const [resolution, module] of sample(Object.entries(RESOLUTIONS))) {
    it(`has sound types for moduleResolution ${resolution}`, () => {
      assert.deepEqual(typeProblems(consumer.folder, module, resolution), []);
    });

    it(`has types that compile with the settings of Pulumi's template and ${resolution}`, () => {
      assert.deepEqual(templateProblems(consumer.folder, module, resolution), []);
    });
  }

  nightly("is found as the plugin by its folder in node_modules", async () => {
    await pluginLife({ within: consumer.folder, project: IN_NODE_MODULES });
  });

  for (const node of NODES) {
    describe(`on Node ${node}`, () => {
      for (const entry of entries) {
        it(`exports the same names from ${entry} to import and require`, async () => {
          const { required, imported } = await namesOf(entry, consumer.folder, node);
          assert.notDeepEqual(required, []);
          assert.deepEqual(imported.sort(), required.sort());
        });
      }

      nightly("runs every operation for a program", () =>
        wholeLife(node, SDK, { within: consumer.folder }),
      );

      for (const [form, program] of sample(Object.entries(OWN_COMPILER))) {
        it(`works in ${form}`, () => comesUp(node, { ...program, within: consumer.folder }));
      }
    });
  }
});
