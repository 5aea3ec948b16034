import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type * as grpc from "@grpc/grpc-js";
import { InlineHost } from "../../scripts/inline-host";
import { madeOnce } from "../../scripts/pulumi-cli/cache";
import { ensurePython } from "../../scripts/pulumi-cli/python";
import { ok, PulumiWorkspace } from "../../scripts/workspace";
import { nightly } from "../support/sample";

interface RunRequestMessage {
  setMonitorAddress(address: string): void;
}

interface LanguageRuntimeClient extends grpc.Client {
  run(request: RunRequestMessage, callback: (error: unknown) => void): void;
}

const fromSdk = createRequire(createRequire(__filename).resolve("@pulumi/pulumi/package.json"));
const { credentials, Server, ServerCredentials } = fromSdk("@grpc/grpc-js") as typeof grpc;
const { grpcClientOptions } = fromSdk("@pulumi/pulumi/runtime/settings") as {
  grpcClientOptions: grpc.ClientOptions;
};
const { LanguageRuntimeClient } = fromSdk("@pulumi/pulumi/proto/language_grpc_pb") as {
  LanguageRuntimeClient: new (
    address: string,
    credentials: grpc.ChannelCredentials,
    options?: grpc.ClientOptions,
  ) => LanguageRuntimeClient;
};
const { RunRequest } = fromSdk("@pulumi/pulumi/proto/language_pb") as {
  RunRequest: new () => RunRequestMessage;
};

/** A resource of another provider, since this tests the scripts. */
const NOTE = `
import * as pulumi from "@pulumi/pulumi";

const provider: pulumi.dynamic.ResourceProvider = {
  async create(inputs) {
    if (inputs.slow) {
      console.log("creating slowly");
      await new Promise((wake) => setTimeout(wake, 60_000));
    }
    return { id: "note", outs: inputs };
  },
  async diff(_id, olds, news) {
    return { changes: olds.text !== news.text, replaces: olds.text !== news.text ? ["text"] : [] };
  },
  async read(id, props) {
    return { id, props, inputs: props };
  },
};

class Note extends pulumi.dynamic.Resource {
  constructor(name: string, args: { text: string; slow?: boolean }) {
    super(provider, name, args);
  }
}
`;

const POLICY_PACK = {
  "policies/PulumiPolicy.yaml": "runtime: nodejs\n",
  "policies/package.json": JSON.stringify({ name: "pack", version: "0.0.1", main: "index.js" }),
  "policies/index.js": `
    const { PolicyPack } = require("@pulumi/policy");
    new PolicyPack("pack", {
      enforcementLevel: "mandatory",
      policies: [{
        name: "no-shouting",
        description: "Notes are quiet.",
        validateResource({ props }, reportViolation) {
          if (/[A-Z]/.test(props.text)) reportViolation("Write it small.");
        },
      }],
    });`,
};

const JAVASCRIPT = `
const pulumi = require("@pulumi/pulumi");
const provider = { async create(inputs) { return { id: "plain", outs: inputs }; } };
new pulumi.dynamic.Resource(provider, "note", { text: "hello" });
console.log("running on " + process.version);
`;

describe("a workspace", () => {
  let workspace: PulumiWorkspace | undefined;

  afterEach(async () => {
    await workspace?.dispose();
    workspace = undefined;
  });

  nightly("runs every operation for a TypeScript program", async () => {
    workspace = await PulumiWorkspace.create({
      program: {
        source: `${NOTE}
          const config = new pulumi.Config();
          console.log("the program speaks");
          new Note("note", { text: config.require("text") });
          export const secret = config.requireSecret("token");`,
      },
      config: { text: { value: "a=b" }, token: { value: "s3cret", secret: true } },
    });

    assert.deepEqual(opsOf(await ok(workspace.preview())), ["create"]);
    const up = await ok(workspace.up());
    assert.deepEqual(opsOf(up), ["create"]);
    assert.match(up.output, /the program speaks/);
    assert.deepEqual(await workspace.outputs(), { secret: "s3cret" });
    assert.deepEqual(opsOf(await ok(workspace.up())), ["same"]);
    assert.deepEqual(opsOf(await ok(workspace.refresh())), ["same"]);

    await workspace.setConfig({ text: { value: "c" } });
    const replacing = await ok(workspace.preview());
    assert.deepEqual(opsOf(replacing), ["create-replacement", "replace", "delete-replaced"]);
    assert.deepEqual(replacing.steps.find(({ name }) => name === "note")?.replaceKeys, ["text"]);

    assert.deepEqual(opsOf(await ok(workspace.destroy())), ["delete"]);
    assert.equal((await workspace.exportState()).deployment.resources, undefined);
  });

  it("runs plain JavaScript under the Node of the caller", async () => {
    workspace = await PulumiWorkspace.create({
      program: { source: JAVASCRIPT, language: "javascript" },
    });
    const up = await ok(workspace.up());
    assert.deepEqual(opsOf(up), ["create"]);
    assert.match(up.output, new RegExp(`running on ${process.version}`));
  });

  it("reports a program that throws only once", async () => {
    workspace = await PulumiWorkspace.create({
      program: { source: `throw new Error("out of luck");` },
    });
    const up = await workspace.up();
    assert.notEqual(up.exitCode, 0);
    assert.equal(up.output.match(/Error: out of luck/g)?.length, 1, up.output);
    const errors = up.diagnostics.filter(({ severity }) => severity === "error");
    assert.equal(errors.length, 1, up.output);
  });

  nightly("runs a policy pack", async () => {
    const program = (text: string) => `${NOTE} new Note("note", { text: "${text}" });`;
    workspace = await PulumiWorkspace.create({
      program: { source: program("HELLO"), files: POLICY_PACK },
    });
    const withPack = ["--policy-pack", join(workspace.programDirectory, "policies")];
    const rejected = await workspace.preview(withPack);
    assert.notEqual(rejected.exitCode, 0, rejected.output);
    assert.match(
      rejected.output,
      /\[mandatory\] {2}no-shouting.*\n.*Notes are quiet\.\n.*Write it small\./,
    );
    workspace.setSource(program("hello"));
    assert.deepEqual(opsOf(await ok(workspace.preview(withPack))), ["create"]);
    await noneLeft(workspace);
  });

  it("leaves no process behind if an operation is killed", async () => {
    workspace = await PulumiWorkspace.create({
      program: { source: `${NOTE} new Note("note", { text: "x", slow: true });` },
    });
    const { scratch, programDirectory } = workspace;
    const operation = workspace.start("up");
    await operation.waitForOutput(/creating slowly/);
    assert.notEqual(workspace.processes().length, 0);

    operation.kill("SIGKILL");
    assert.equal((await operation.done).signal, "SIGKILL");
    // The program and its host end by themselves. A provider only does if it watches its stdin, which this one does
    // not.
    await noneLeft(workspace, /dynamic-provider|pulumi-resource/);

    await workspace.dispose();
    assert.deepEqual(workspace.processes(), []);
    assert.equal(existsSync(scratch), false);
    assert.equal(existsSync(programDirectory), false);
  });
});

describe("a folder in the cache", () => {
  const lines: string[] = [];
  const log = (line: string) => lines.push(line);
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "pulumi-flexprice-cache-"));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  it("is created once if several processes need it, under another name until it is complete", async () => {
    const folder = join(root, "tools", "one");
    let times = 0;
    const make = async (draft: string) => {
      times += 1;
      assert.equal(existsSync(folder), false);
      writeFileSync(join(draft, "tool"), "");
      await sleep(20);
    };
    const folders = await Promise.all([1, 2, 3].map(() => madeOnce(folder, log, make)));
    assert.deepEqual(new Set(folders), new Set([folder]));
    assert.equal(times, 1);
    assert.deepEqual(readdirSync(join(root, "tools"), { recursive: true }).sort(), [
      "one",
      join("one", "tool"),
    ]);
    assert.match(lines.join("\n"), /^Another process is getting one ready; waiting for it …/);
  });

  it("is removed after a failure", async () => {
    const folder = join(root, "one");
    const failing = madeOnce(folder, log, async (draft) => {
      writeFileSync(join(draft, "tool"), "");
      throw new Error("out of luck");
    });
    await assert.rejects(failing, /^Error: out of luck$/);
    assert.deepEqual(readdirSync(root), []);
  });

  it("is created by the next process, which removes what a killed one has left", async () => {
    mkdirSync(join(root, "one.draft-of-a-killed-process"));
    await madeOnce(join(root, "one"), log, async () => {});
    assert.deepEqual(readdirSync(root), ["one"]);
  });
});

it("InlineHost fails a program that cannot reach the engine, which would otherwise seem to declare nothing", async () => {
  const host = new InlineHost();
  await host.start();
  const client = new LanguageRuntimeClient(host.address, credentials.createInsecure());
  try {
    const request = new RunRequest();
    request.setMonitorAddress("127.0.0.1:1");
    const failure = await new Promise((settle) => client.run(request, settle));
    assert.match(String(failure), /The program has lost the engine: Error: 14 UNAVAILABLE/);
  } finally {
    client.close();
    host.stop();
  }
});

it("InlineHost reaches an engine on the port of an earlier one, whose connections have failed", async () => {
  const { port, close } = await listen();
  close();
  const address = `127.0.0.1:${port}`;
  const connect = () =>
    new LanguageRuntimeClient(address, credentials.createInsecure(), grpcClientOptions);
  const failureOf = (client: LanguageRuntimeClient) =>
    new Promise((settle) => client.run(new RunRequest(), settle));
  const early = connect();
  assert.match(String(await failureOf(early)), /UNAVAILABLE/);
  const engine = await listen(port);
  const later = connect();
  try {
    assert.match(String(await failureOf(later)), /UNIMPLEMENTED/);
  } finally {
    early.close();
    later.close();
    engine.close();
  }
});

/** A gRPC server without any service. */
async function listen(port = 0): Promise<{ port: number; close: () => void }> {
  const server = new Server();
  const bound = await new Promise<number>((settle, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, actual) =>
      error ? reject(error) : settle(actual),
    );
  });
  return { port: bound, close: () => server.forceShutdown() };
}

it("ensurePython says in one line what Python programs need", async () => {
  const { PATH } = process.env;
  process.env["PATH"] = "";
  try {
    await assert.rejects(ensurePython(), (error: Error) => {
      assert.equal(
        error.message,
        "python3 is not usable (spawn python3 ENOENT). Install Python 3.10 or newer (https://www.python.org/downloads/).",
      );
      return true;
    });
  } finally {
    process.env["PATH"] = PATH;
  }
});

/** Processes take time to end, more on a busy machine. */
async function noneLeft(workspace: PulumiWorkspace, but?: RegExp): Promise<void> {
  const remaining = () => workspace.processes().filter(({ command }) => !but?.test(command));
  const deadline = Date.now() + 20_000;
  while (remaining().length > 0 && Date.now() < deadline) await sleep(50);
  assert.deepEqual(remaining(), []);
}

function opsOf({ steps }: { steps: readonly { op: string; name: string }[] }): string[] {
  return steps.filter(({ name }) => name === "note").map(({ op }) => op);
}
