#!/usr/bin/env node
// Stands in for Pulumi's own Node.js language host beside a CLI that was built from source: the Go
// module of the genuine host is not served by the module proxy. ensurePulumi copies this file beside
// the CLI as `pulumi-language-nodejs`. It is never used where a genuine host exists, and it is not
// part of the published package.
//
// The CLI starts it in the folder of Pulumi.yaml with the engine's address as its last argument, and
// reads the port of its gRPC server from the first line that it prints.
"use strict";

const { spawn } = require("node:child_process");
const { readFileSync, writeFileSync } = require("node:fs");
const { createRequire } = require("node:module");
const { join } = require("node:path");

/** Exit status of a program that has reported its own failure (cmd/run of the SDK). */
const ALREADY_REPORTED = 32;

/** What runs plugins that are programs, in the SDK. */
const PLUGIN_RUNNERS = {
  analyzer: {
    project: "PulumiPolicy.yaml",
    runner: "@pulumi/pulumi/cmd/run-policy-pack",
    args: (given, directory) => [...given, directory],
  },
  resource: {
    project: "PulumiPlugin.yaml",
    runner: "@pulumi/pulumi/cmd/run-plugin",
    args: (given, directory) => [directory, ...given],
  },
};

/** Writes code with Pulumi's own generators, which are no JavaScript. It lies beside this file once it is built. */
const GENERATOR = "pulumi-generate-nodejs";

const engineAddress = process.argv.at(-1);

// Everything comes from the program's own SDK, so that this file stands alone, and so that a program
// which pins an old SDK runs on that one.
const sdk = sdkOf(process.cwd());
const grpc = sdk("@grpc/grpc-js");
const language = sdk("@pulumi/pulumi/proto/language_pb");
const plugin = sdk("@pulumi/pulumi/proto/plugin_pb");
const { Empty } = sdk("google-protobuf/google/protobuf/empty_pb");
const { LanguageRuntimeClient, LanguageRuntimeService } = sdk(
  "@pulumi/pulumi/proto/language_grpc_pb",
);

/** Programs and plugins that run. */
const programs = new Set();

/** A `require` for the SDK that `directory` sees, and for the SDK's own dependencies. */
function sdkOf(directory) {
  const fromProgram = createRequire(join(directory, "Pulumi.yaml"));
  let fromSdk;
  try {
    fromSdk = createRequire(fromProgram.resolve("@pulumi/pulumi/package.json"));
  } catch {
    console.error(
      `The Pulumi SDK is not installed for ${directory}: @pulumi/pulumi cannot be found. Run \`npm install\` there.`,
    );
    process.exit(1);
  }
  return (name) => (name.startsWith("@pulumi/pulumi/") ? fromProgram(name) : fromSdk(name));
}

function run(request) {
  const programDirectory = request.getInfo()?.getProgramDirectory() || request.getPwd();
  const rootDirectory = request.getInfo()?.getRootDirectory() || request.getPwd();
  const entryPoint = request.getInfo()?.getEntryPoint() || request.getProgram() || ".";
  const options = request.getInfo()?.getOptions()?.toJavaScript() ?? {};
  const runner = createRequire(join(programDirectory, "Pulumi.yaml")).resolve(
    "@pulumi/pulumi/cmd/run",
  );
  const nodeArgs =
    typeof options.nodeargs === "string" ? options.nodeargs.split(/\s+/).filter(Boolean) : [];
  const args = [
    ...nodeArgs,
    runner,
    ["--monitor", request.getMonitorAddress()],
    ["--engine", engineAddress],
    ["--organization", request.getOrganization()],
    ["--project", request.getProject()],
    ["--stack", request.getStack()],
    ["--root-directory", rootDirectory],
    ["--pwd", request.getPwd()],
    ["--parallel", String(request.getParallel())],
    request.getDryrun() ? ["--dry-run"] : [],
    entryPoint,
    request.getArgsList(),
  ].flat();

  const { PULUMI_NODEJS_TYPESCRIPT: _ambient, ...inherited } = process.env;
  const child = spawn(process.execPath, args, {
    // The CLI shows what the program prints: both streams are its pipes already.
    stdio: ["ignore", "inherit", "inherit"],
    env: {
      ...inherited,
      PULUMI_CONFIG: JSON.stringify(Object.fromEntries(request.getConfigMap().toArray())),
      PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.getConfigsecretkeysList()),
      ...(options.typescript === false ? {} : { PULUMI_NODEJS_TYPESCRIPT: "true" }),
      ...(options.tsconfig ? { PULUMI_NODEJS_TSCONFIG_PATH: String(options.tsconfig) } : {}),
    },
  });
  programs.add(child);

  return new Promise((resolve) => {
    const settle = (error, bail) => {
      programs.delete(child);
      const response = new language.RunResponse();
      response.setError(error);
      response.setBail(bail);
      resolve(response);
    };
    child.once("error", (error) => settle(`Could not start the program: ${error.message}`, false));
    child.once("exit", (code, signal) => {
      if (code === 0) settle("", false);
      else if (code === ALREADY_REPORTED) settle("", true);
      else if (signal) settle(`Program was ended by ${signal}`, false);
      else settle(`Program exited with non-zero exit code: ${code}`, false);
    });
  });
}

/** Runs a policy pack or a provider. */
function runPlugin(call) {
  const { request } = call;
  const directory = request.getInfo().getProgramDirectory();
  const kind = request.getKind();
  if (PLUGIN_RUNNERS[kind] === undefined) {
    const details = `plugins of the kind "${kind}" cannot be run`;
    call.destroy({ code: grpc.status.UNIMPLEMENTED, details });
    return;
  }
  const runner = pluginRunnerOf(directory, kind);
  if (runner === undefined) {
    const details = `@pulumi/pulumi cannot be found. Run \`npm install\` in ${directory}.`;
    call.destroy({ code: grpc.status.FAILED_PRECONDITION, details });
    return;
  }
  const { args } = PLUGIN_RUNNERS[kind];
  const child = spawn(process.execPath, [runner, ...args(request.getArgsList(), directory)], {
    cwd: directory,
    stdio: ["ignore", "pipe", "pipe"],
    env: Object.fromEntries(
      request.getEnvList().map((entry) => {
        const end = entry.indexOf("=");
        return [entry.slice(0, end), entry.slice(end + 1)];
      }),
    ),
  });
  passOn(call, language.RunPluginResponse, child, (code, send) => {
    send((response) => response.setExitcode(code));
    call.end();
  });
}

/** Sends what a process prints, until it ends or the CLI cancels the call. */
function passOn(call, Response, child, end) {
  programs.add(child);
  const send = (fill) => {
    const response = new Response();
    fill(response);
    call.write(response);
  };
  child.stdout.on("data", (chunk) => send((response) => response.setStdout(chunk)));
  child.stderr.on("data", (chunk) => send((response) => response.setStderr(chunk)));
  child.once("close", (code) => {
    programs.delete(child);
    end(code ?? 1, send);
  });
  call.once("cancelled", () => child.kill("SIGTERM"));
}

function pluginRunnerOf(directory, kind) {
  const { project, runner } = PLUGIN_RUNNERS[kind];
  try {
    return createRequire(join(directory, project)).resolve(runner);
  } catch {
    return undefined;
  }
}

/** Passes a request on to the generator, which is started for it. */
async function generate(method, request) {
  const generator = spawn(join(__dirname, GENERATOR), [], { stdio: ["pipe", "pipe", "inherit"] });
  programs.add(generator);
  let client;
  try {
    const port = await new Promise((resolve, reject) => {
      generator.stdout.setEncoding("utf8").once("data", resolve);
      generator.once("error", () => reject(new Error(`${GENERATOR} is not built`)));
      generator.once("exit", (code) => reject(new Error(`${GENERATOR} ended with ${code}`)));
    });
    client = new LanguageRuntimeClient(
      `127.0.0.1:${port.trim()}`,
      grpc.credentials.createInsecure(),
      { "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 },
    );
    return await new Promise((resolve, reject) => {
      client[method](request, (error, response) => (error ? reject(error) : resolve(response)));
    });
  } finally {
    client?.close();
    generator.kill();
    programs.delete(generator);
  }
}

/** Makes the program depend on generated SDKs, by their folders. */
function link(request) {
  const file = join(request.getInfo().getProgramDirectory(), "package.json");
  const manifest = JSON.parse(readFileSync(file, "utf8"));
  for (const dependency of request.getPackagesList()) {
    const folder = join(request.getInfo().getRootDirectory(), dependency.getPath());
    const { name } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    manifest.dependencies = { ...manifest.dependencies, [name]: `file:${dependency.getPath()}` };
  }
  writeFileSync(file, `${JSON.stringify(manifest, undefined, 2)}\n`);
  return new language.LinkResponse();
}

function installDependencies(call) {
  const npm = spawn("npm", ["install", "--no-audit", "--no-fund"], {
    cwd: call.request.getInfo().getProgramDirectory(),
    stdio: ["ignore", "pipe", "pipe"],
  });
  passOn(call, language.InstallDependenciesResponse, npm, (code) => {
    if (code === 0) call.end();
    else call.destroy({ code: grpc.status.UNKNOWN, details: `npm install exited with ${code}` });
  });
}

function about() {
  const response = new language.AboutResponse();
  response.setExecutable(process.execPath);
  response.setVersion(process.version);
  return response;
}

function programDependencies(request) {
  const directory = request.getInfo()?.getProgramDirectory() || request.getPwd() || process.cwd();
  const response = new language.GetProgramDependenciesResponse();
  let manifest;
  try {
    manifest = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));
  } catch {
    return response;
  }
  for (const [name, range] of Object.entries({
    ...manifest.dependencies,
    ...manifest.devDependencies,
  })) {
    const dependency = new language.DependencyInfo();
    dependency.setName(name);
    dependency.setVersion(String(range));
    response.addDependencies(dependency);
  }
  return response;
}

function pluginInfo() {
  const response = new plugin.PluginInfo();
  response.setVersion(
    require(
      createRequire(join(process.cwd(), "Pulumi.yaml")).resolve("@pulumi/pulumi/package.json"),
    ).version,
  );
  return response;
}

function endPrograms() {
  for (const program of programs) program.kill("SIGTERM");
}

function quit() {
  endPrograms();
  process.exit(0);
}

const answers = {
  handshake: () => new language.LanguageHandshakeResponse(),
  getRequiredPlugins: () => new language.GetRequiredPluginsResponse(),
  getRequiredPackages: () => new language.GetRequiredPackagesResponse(),
  getPluginInfo: pluginInfo,
  runtimeOptionsPrompts: () => new language.RuntimeOptionsResponse(),
  about,
  getProgramDependencies: programDependencies,
  generatePackage: (request) => generate("generatePackage", request),
  generateProgram: (request) => generate("generateProgram", request),
  link,
  run,
  cancel: () => {
    endPrograms();
    return new Empty();
  },
};

const server = new grpc.Server({
  "grpc.max_receive_message_length": -1,
  "grpc.max_send_message_length": -1,
});
server.addService(LanguageRuntimeService, {
  ...Object.fromEntries(
    Object.entries(answers)
      // An old SDK knows fewer methods; for the others the CLI gets "unimplemented" and copes.
      .filter(([method]) => method in LanguageRuntimeService)
      .map(([method, answer]) => [
        method,
        (call, callback) => {
          Promise.resolve()
            .then(() => answer(call.request))
            .then(
              (response) => callback(null, response),
              (error) => callback({ code: grpc.status.UNKNOWN, details: error.message }, null),
            );
        },
      ]),
  ),
  installDependencies,
  runPlugin,
});

server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  process.stdout.write(`${port}\n`);
});

// The CLI holds the other end of stdin: its end is the only news of a CLI that was killed.
process.stdin.on("end", quit).resume();
process.on("SIGINT", quit);
process.on("SIGTERM", quit);
process.on("SIGHUP", quit);
