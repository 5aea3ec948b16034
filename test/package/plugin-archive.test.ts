import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { extract } from "tar";
import schema from "../../provider/plugin/schema.json";
import { runChild } from "../../scripts/child";
import { writeArchives } from "../../scripts/plugin-archive";
import { ensurePulumi } from "../../scripts/pulumi-cli";
import { output } from "./command";
import { manifest } from "./manifest";
import { pluginLife } from "./plugin-life";
import { allNodes, DOWNLOADS_MS, NODES, nodeFolder } from "./tools";

const LAUNCHER = "pulumi-resource-flexprice";

/** In bytes. If the archive outgrows this, look for the reason before you raise it. */
const LIMIT = 600_000;

const ARCHIVE = `${LAUNCHER}-v${manifest.version}`;

const FILES = [
  "LICENSE",
  "LICENSES-OF-DEPENDENCIES.txt",
  LAUNCHER,
  `${LAUNCHER}.cmd`,
  `${LAUNCHER}.js`,
];

const INSTALL = ["plugin", "install", "resource", "flexprice", manifest.version];

describe("the plugin's archive", () => {
  let scratch: string;
  let archives: string[];
  let content: string;
  before(async function () {
    this.timeout(DOWNLOADS_MS);
    scratch = mkdtempSync(join(tmpdir(), "pulumi-flexprice-archive-"));
    archives = await writeArchives(join(scratch, "archives"));
    env = {
      ...process.env,
      PULUMI_HOME: join(scratch, "home"),
      PULUMI_SKIP_UPDATE_CHECK: "true",
      // Else it asks Pulumi's registry first, whatever the server.
      PULUMI_DISABLE_REGISTRY_RESOLVE: "true",
    };
    content = join(scratch, "content");
    mkdirSync(content);
    await extract({ file: first(), cwd: content });
    await allNodes();
  });
  after(() => rmSync(scratch, { recursive: true, force: true }));

  /** For commands without a stack. */
  let env: NodeJS.ProcessEnv;
  const first = () => archives[0] ?? "";
  const launch = (nodeEnv: NodeJS.ProcessEnv) =>
    runChild(join(content, LAUNCHER), ["127.0.0.1:1"], {
      env: nodeEnv,
      // Ends at once, as if the engine did.
      input: "",
      timeoutMs: 30_000,
    });

  it("has the name that Pulumi looks for, and the same bytes for every platform and build", async () => {
    const platforms = ["darwin", "linux", "windows"].flatMap((system) =>
      ["amd64", "arm64"].map((processor) => `${ARCHIVE}-${system}-${processor}.tar.gz`),
    );
    const again = await writeArchives(join(scratch, "again"));
    assert.deepEqual(archives.map((file) => basename(file)).sort(), platforms);
    assert.deepEqual(readdirSync(join(scratch, "again")).sort(), platforms);
    const bytes = readFileSync(first());
    for (const file of [...archives, ...again]) assert.ok(bytes.equals(readFileSync(file)), file);
    for (const file of FILES) assert.equal(statSync(join(content, file)).mtimeMs, 0, file);
  });

  it(`contains a bundle, a launcher for each shell and licenses, in at most ${LIMIT / 1000} kB`, () => {
    assert.deepEqual(readdirSync(content).sort(), FILES);
    assert.match(
      readFileSync(join(content, "LICENSES-OF-DEPENDENCIES.txt"), "utf8"),
      /^zod\n\nMIT License$/m,
    );
    assert.ok(statSync(first()).size <= LIMIT, `${statSync(first()).size} bytes`);
  });

  for (const node of NODES) {
    it(`can be installed from its file, and works on Node ${node}`, async () => {
      const started = join(scratch, `started-${node}`);
      const preload = join(scratch, `note-${node}.cjs`);
      const noteStart = `require("node:fs").appendFileSync(${JSON.stringify(started)}, process.version);`;
      writeFileSync(preload, `if (process.argv[1]?.endsWith("${LAUNCHER}.js")) ${noteStart}`);
      await pluginLife({
        onPath: [await nodeFolder(node)],
        env: { NODE_OPTIONS: `--require ${preload}` },
        prepare: async ({ workspace: { env } }) => {
          const { binary } = await ensurePulumi();
          await output(binary, [...INSTALL, "--file", first()], { env });
        },
      });
      assert.match(readFileSync(started, "utf8"), new RegExp(`^(v${node}\\.\\d+\\.\\d+)+$`));
    });
  }

  it("returns the schema to commands that generate SDKs", async () => {
    const { binary } = await ensurePulumi();
    const printed = await output(binary, ["package", "get-schema", join(content, LAUNCHER)], {
      env,
    });
    assert.deepEqual(JSON.parse(printed), schema);
  });

  describe("on a server", () => {
    let server: Files;
    before(async () => {
      server = await serve(join(scratch, "archives"));
    });
    after(() => server?.stop());
    const downloads = () =>
      server.requests.splice(0).map((path) => path.replace(/\w+-\w+\.tar\.gz$/, "*"));

    it("can be installed by pulumi plugin install", async () => {
      const { binary } = await ensurePulumi();
      await output(binary, [...INSTALL, "--server", server.url], { env });
      assert.deepEqual(downloads(), [`/${ARCHIVE}-*`]);
      const installed = join(scratch, "home", "plugins", `resource-flexprice-v${manifest.version}`);
      assert.deepEqual(readdirSync(installed).sort(), FILES);
    });

    it("is installed by the first up, from the URL in the schema", async () => {
      await pluginLife({
        env: {
          PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: undefined,
          PULUMI_PLUGIN_DOWNLOAD_URL_OVERRIDES: `^${schema.pluginDownloadURL}$=${server.url}`,
        },
      });
      assert.deepEqual(downloads(), [`/${ARCHIVE}-*`]);
    });
  });

  it("fails with the fix if Node is missing", async () => {
    const { exitCode, stdout, stderr } = await launch({ PATH: scratch });
    assert.deepEqual([exitCode, stdout, stderr], [1, "", startError("`node` is not on PATH")]);
    const forWindows = readFileSync(join(content, `${LAUNCHER}.cmd`), "utf8");
    assert.ok(forWindows.includes(stderr.replaceAll(/^(.+)\n/gm, ">&2 echo $1\r\n")), forWindows);
  });

  const launchOn = (version: string) => {
    const preload = join(scratch, `node-${version}.cjs`);
    const versions = JSON.stringify({ ...process.versions, node: version });
    writeFileSync(preload, `Object.defineProperty(process, "versions", { value: ${versions} });`);
    return launch({ ...process.env, NODE_OPTIONS: `--require ${preload}` });
  };

  for (const version of ["20.18.3", "18.20.8"]) {
    it(`fails with the fix on Node ${version}`, async () => {
      const { exitCode, stdout, stderr } = await launchOn(version);
      assert.deepEqual(
        [exitCode, stdout, stderr],
        [1, "", startError(`this is Node.js ${version}`)],
      );
    });
  }

  for (const version of ["20.19.0", "22.0.0"]) {
    it(`starts on Node ${version}, and ends with the engine`, async () => {
      const { exitCode, stderr } = await launchOn(version);
      assert.deepEqual([exitCode, stderr], [0, ""]);
    });
  }
});

function startError(reason: string): string {
  return `Could not start the Flexprice plugin.
  Reason: ${reason}
  What to do: install Node.js 20.19 or later, and put it on PATH
`;
}

interface Files {
  readonly url: string;
  /** The paths that were asked for. */
  readonly requests: string[];
  stop(): Promise<void>;
}

/** Serves the files of a folder. */
async function serve(folder: string): Promise<Files> {
  const requests: string[] = [];
  const server = createServer(({ url = "" }, response) => {
    requests.push(url);
    const file = join(folder, basename(url));
    if (existsSync(file)) response.end(readFileSync(file));
    else response.writeHead(404).end();
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async stop() {
      server.closeAllConnections();
      await new Promise((stopped) => server.close(stopped));
    },
  };
}
