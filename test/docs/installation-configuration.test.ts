import assert from "node:assert/strict";
import { PULUMI_VERSION } from "../../scripts/pulumi-cli/acquire";
import { installedVersion, manifest } from "../package/manifest";
import { SUPPORTED_NODES } from "../package/tools";
import { follow } from "./follow";
import { readPage } from "./page";
import { cellsOf } from "./table";

const PAGE = "docs/installation-configuration.md";

follow(PAGE);

describe("versions in documents", () => {
  it("are those that the tests use", () => {
    const versions = new Map(
      cellsOf(readPage(PAGE).prose, "## Tested with").map(([what = "", which = ""]) => [
        what.replaceAll("`", ""),
        which.match(/\d+(?:\.\d+\.\d+)?/g) ?? [],
      ]),
    );
    const [oldest] = /\d+\.\d+\.\d+/.exec(manifest.peerDependencies["@pulumi/pulumi"] ?? "") ?? [];
    assert.deepEqual(versions.get("Node.js"), SUPPORTED_NODES.map(String));
    assert.deepEqual(versions.get("Pulumi CLI"), [PULUMI_VERSION]);
    assert.deepEqual(versions.get("@pulumi/pulumi"), [oldest, installedVersion("@pulumi/pulumi")]);
    assert.deepEqual(versions.get("@pulumi/policy"), [
      installedVersion("@pulumi/policy").replace("v", ""),
    ]);
  });
});
