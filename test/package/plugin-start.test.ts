import assert from "node:assert/strict";
import { join } from "node:path";
import { z } from "zod";
import { runChild } from "../../scripts/child";
import { CHECKOUT } from "./manifest";

/** Prints the modules that are loaded when the port is printed. */
const NOTE_MODULES = `
process.stdout.write = () => {
  console.error(JSON.stringify(Object.keys(require.cache)));
  process.exit();
};
`;

const EMPTY_SERVER = `
const { createRequire } = require("node:module");
const sdk = createRequire(require.resolve("@pulumi/pulumi/package.json"));
const { ResourceProviderService } = sdk("@pulumi/pulumi/proto/provider_grpc_pb");
const { Server, ServerCredentials } = sdk("@grpc/grpc-js");
const server = new Server();
server.addService(ResourceProviderService, {});
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (_, port) => process.stdout.write(String(port)));
`;

describe("the plugin", () => {
  it("loads no more modules of other packages at its start than an empty gRPC server", async () => {
    const plugin = await loadedBy(
      `require(${JSON.stringify(join(CHECKOUT, "dist", "plugin", "main.js"))})`,
    );
    const empty = await loadedBy(EMPTY_SERVER);
    assert.notDeepEqual(empty, []);
    assert.deepEqual(
      plugin.filter((file) => !empty.includes(file)),
      [],
    );
  });
});

/** The modules of other packages that a script loads. */
async function loadedBy(script: string): Promise<string[]> {
  const { stderr } = await runChild(process.execPath, ["-e", NOTE_MODULES + script], {
    cwd: CHECKOUT,
  });
  return z
    .array(z.string())
    .parse(JSON.parse(stderr))
    .filter((file) => file.includes("node_modules"));
}
