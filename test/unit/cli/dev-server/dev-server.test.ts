import assert from "node:assert/strict";
import { once } from "node:events";
import { lstatSync, readdirSync, renameSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { EmulatorClient } from "../../../support/emulator-client";
import { DAY, HOUR } from "../../fixture";
import { assertFits, CliFixture } from "../fixture";

const announcement = z.object({
  url: z.string(),
  apiKey: z.string(),
  tenantId: z.string(),
  environmentId: z.string(),
  userId: z.string(),
});
const listedKeys = z.object({
  items: z.array(z.object({ id: z.string(), name: z.string(), roles: z.array(z.string()) })),
});

describe("cli/dev-server", () => {
  const cli = CliFixture.forEachTest();
  const fixture = cli.server;

  /** Starts a server, passes its output to `use`, stops it, and returns its log. */
  async function serve(
    args: readonly string[],
    use: (out: string) => Promise<void> | void,
  ): Promise<string> {
    const server = CliFixture.on(fixture);
    const ended = server.command("dev-server", "--port", "0", ...args);
    try {
      for await (const chunk of server.stdout) {
        await use(String(chunk));
        break;
      }
    } finally {
      server.close();
    }
    const { status, err } = await ended;
    assert.equal(status, 0);
    return err;
  }

  /** As {@link serve}, with `--json`, an hour later than before. */
  async function announced(
    args: readonly string[],
    use: (client: EmulatorClient) => Promise<void> = async () => {},
  ): Promise<z.infer<typeof announcement>> {
    fixture.clock.now += HOUR;
    const announcements: z.infer<typeof announcement>[] = [];
    const log = await serve(["--json", ...args], async (out) => {
      assert.match(out, /^\{.*\}\n$/);
      const server = announcement.parse(JSON.parse(out));
      announcements.push(server);
      await use(new EmulatorClient(server.url, server));
    });
    const [server] = announcements;
    assert(server !== undefined && log === "");
    return server;
  }

  // page.test.ts tests the whole text.
  it("prints the API key of a super_admin", async () => {
    await serve([], async (out) => {
      const [url = "", apiKey = ""] = out.match(/http:\/\/127\.0\.0\.1:\d+\/v1|sk_\w{26}/g) ?? [];
      const { text } = await new EmulatorClient(url, { apiKey }).send("GET", "/users/me");
      assert.match(text, /"roles":\["super_admin"\]/);
      assert.doesNotMatch(out, /allowInsecure/);
    });
  });

  it("closes its port when it is stopped", async () => {
    const { url, apiKey } = await announced([]);
    await assert.rejects(new EmulatorClient(url, { apiKey }).me(), TypeError);
  });

  it("creates the same tenant, operator and key from the same seed", async () => {
    const first = await announced(["--seed", "7"]);
    const second = await announced(["--seed", "7", "--accounts", "2"]);
    assert.deepEqual({ ...second, url: first.url }, first);
    for (const other of [await announced(["--seed", "8"]), await announced([])]) {
      for (const name of ["apiKey", "tenantId", "environmentId", "userId"] as const) {
        assert.notEqual(other[name], first[name]);
      }
    }
  });

  it("starts with accounts that have one key each, the same ones from the same seed", async () => {
    const lists: z.infer<typeof listedKeys>["items"][] = [];
    for (let i = 0; i < 2; i++) {
      await announced(["--seed", "1", "--accounts", "3"], async (client) => {
        const { json } = await client.send("GET", "/secrets/api/keys?order=asc");
        lists.push(listedKeys.parse(json).items);
      });
    }
    const [first, second] = lists;
    assert.deepEqual(
      first?.map(({ name, roles }) => [name, ...roles]),
      [
        ["admin key", "super_admin"],
        ["demo-1", "event_ingestor"],
        ["demo-2", "event_reader"],
        ["demo-3", "event_ingestor"],
      ],
    );
    assert.deepEqual(second, first);
  });

  it("uses the real time for objects that are created later", async () => {
    await announced(["--seed", "1"], async (client) => {
      const key = { name: "new", type: "private_key" };
      const { text } = await client.send("POST", "/secrets/api/keys", key);
      const { created_at } = JSON.parse(text).secret;
      assert.equal(Math.floor(Date.parse(created_at)), fixture.clock.now);
    });
  });

  it("logs requests with --log, without secrets", async () => {
    const log = await serve(["--json", "--log"], async (out) => {
      const { url, apiKey } = announcement.parse(JSON.parse(out));
      const client = new EmulatorClient(url, { apiKey });
      await client.me();
      await client.status("GET", "/nowhere?x=1");
    });
    assert.equal(log, "08:00:00 200 GET /v1/users/me\n08:00:00 404 GET /v1/nowhere?x=1\n");
  });

  it("prints that programs on other hosts need allowInsecure", async () => {
    await serve(["--host", "0.0.0.0", "--accounts", "2"], (out) => {
      assert.match(out, /^ {2}pulumi config set flexprice:allowInsecure true$/m);
      assert.match(out, /^ {2}export FLEXPRICE_ALLOW_INSECURE=true$/m);
      assert.match(out, /^It starts with 2 service accounts, with one key each\.$/m);
    });
  });

  it("starts with its clock ahead with --advance, and prints how Pulumi can follow it", async () => {
    await serve(["--advance", "36h"], async (out) => {
      assert.match(out, /^Clock: 2026-11-25T20:00:00Z, 1\.5 days ahead$/m);
      assert.match(out, /^ {2}export FLEXPRICE_TRUST_DATE_HEADER=true$/m);
      const [url = "", apiKey = ""] = out.match(/http:\/\/127\.0\.0\.1:\d+\/v1|sk_\w{26}/g) ?? [];
      const { headers } = await fetch(`${url}/users/me`, { headers: { "x-api-key": apiKey } });
      assert.equal(headers.get("date"), "Wed, 25 Nov 2026 20:00:00 GMT");
    });
  });

  it("prints nothing about its clock without a terminal", async () => {
    await serve([], (out) => assert.doesNotMatch(out, /Clock|Keys:|TRUST/));
  });

  describe("on a terminal", () => {
    let ended: ReturnType<CliFixture["command"]>;
    let rawModes: boolean[];
    beforeEach(() => {
      rawModes = [];
      Object.assign(cli.stdin, { setRawMode: (isRaw: boolean) => rawModes.push(isRaw) });
      cli.programs.set("ps -o stat= -p", { stdout: "Sl+\n" });
      cli.onTerminal(80);
    });
    afterEach(async () => {
      cli.stop();
      assert.equal((await ended).status, 0);
    });

    /** Starts a server, and returns what it prints first. */
    async function start(...args: string[]): Promise<string> {
      ended = cli.command("dev-server", "--port", "0", ...args);
      await once(cli.stdout, "readable");
      return cli.out;
    }

    it("moves its clock on a key press, and shows the new time", async () => {
      const out = await start();
      assert.match(out, /^Clock: 2026-11-24T08:00:00Z$/m);
      assert.match(out, /^Keys: {2}d, w and m move the clock .*$/m);
      cli.stdin.write("d\u001b[dx");
      cli.stdin.write("dwm");
      let shown = cli.out;
      while (!shown.includes("39 days")) {
        await once(cli.stdout, "readable");
        shown += cli.out;
      }
      assert.equal(
        shown,
        [
          "Clock: 2026-11-25T08:00:00Z, 1 day ahead",
          "Clock: 2026-11-26T08:00:00Z, 2 days ahead",
          "Clock: 2026-12-03T08:00:00Z, 9 days ahead",
          "Clock: 2027-01-02T08:00:00Z, 39 days ahead\n",
        ].join("\n"),
      );
      const [url = ""] = out.match(/http:\S+\/v1/) ?? [];
      const { headers } = await fetch(`${url}/users/me`);
      assert.equal(headers.get("date"), "Sat, 02 Jan 2027 08:00:00 GMT");
    });

    for (const [name, key] of [
      ["q", "q"],
      ["Ctrl-C", "\u0003"],
    ] as const) {
      it(`stops on ${name}, and restores the terminal`, async () => {
        await start();
        assert.deepEqual(rawModes, [true]);
        cli.stdin.write(key);
        assert.equal((await ended).status, 0);
        assert.deepEqual(rawModes, [true, false]);
        assert(cli.stdin.isPaused());
      });
    }

    it("reads no key presses in the background, where the shell would stop it", async () => {
      cli.programs.set("ps -o stat= -p", { stdout: "Sl\n" });
      assert.doesNotMatch(await start(), /Keys:/);
      assert.deepEqual(rawModes, []);
    });

    it("reads no key presses with --json", async () => {
      assert.match(await start("--json"), /^\{.*\}\n$/);
      assert.deepEqual(rawModes, []);
    });

    it("wraps the commands that it prints to a narrow terminal", async () => {
      cli.onTerminal(60);
      const out = await start("--seed", "1", "--state", "s.json");
      assertFits(out.replaceAll(cli.directory, "/"), 60);
      assert.match(out, /^ {2}pulumi config set --secret flexprice:apiKey \\\n {4}sk_\w{26}$/m);
    });
  });

  describe("with --state", () => {
    const withState = (...args: string[]) => [
      ...["--state", join(cli.directory, "state.json")],
      ...args,
    ];
    const savedState = () => cli.read("state.json");

    /** Expects that no server starts with this file, and that the file stays as it is. */
    async function assertRejected(content: string, reason: RegExp): Promise<void> {
      cli.write("state.json", content);
      const { status, out, err } = await cli.command("dev-server", "--port", "0", ...withState());
      assert.deepEqual([status, out, savedState()], [3, "", content]);
      assert.match(err, reason);
      assert.match(err, /What to do: name another file/);
      assert.doesNotMatch(err, /sk_\w/);
    }

    it("restores tenant, accounts, keys and clock after a restart", async () => {
      let apiKey = "";
      const first = await announced(
        withState("--advance", "1d", "--accounts", "2"),
        async (client) => {
          const key = {
            name: "lasting",
            type: "private_key",
            expires_at: "2026-12-24T08:00:00.5Z",
          };
          const { json } = await client.send("POST", "/secrets/api/keys", key);
          apiKey = z.object({ api_key: z.string() }).parse(json).api_key;
          await client.send("PUT", "/users/me", { metadata: { team: "a" } });
        },
      );
      const listed: unknown[] = [];
      const second = await announced(
        withState("--advance", "12h", "--accounts", "9"),
        async (client) => {
          const { json, headers } = await client.send("GET", "/secrets/api/keys?order=asc");
          listed.push(json);
          assert.equal(
            Date.parse(headers.get("date") ?? ""),
            fixture.clock.now + DAY + 12 * HOUR,
            "the clock",
          );
          assert.match((await client.send("GET", "/users/me")).text, /"team":"a"/);
        },
      );
      assert.deepEqual({ ...second, url: first.url }, first);
      const { items } = listedKeys.parse(listed[0]);
      assert.deepEqual(
        items.map(({ name }) => name),
        ["admin key", "demo-1", "demo-2", "lasting"],
      );
      await announced(withState(), async (client) => {
        const lasting = new EmulatorClient(client.url, { apiKey });
        assert.equal((await lasting.send("GET", "/users/me")).status, 200);
      });
      await serve(withState("--accounts", "9"), async (out) => {
        assert.doesNotMatch(out, /It starts with/);
      });
    });

    it("accepts access tokens that it issued before a restart", async () => {
      let token = "";
      const login = { email: "a@example.com", password: "long enough", tenant_name: "T" };
      await announced(withState(), async (client) => {
        const { json } = await client.send("POST", "/auth/signup", login);
        token = z.object({ token: z.string() }).parse(json).token;
      });
      await announced(withState(), async (client) => {
        const user = new EmulatorClient(client.url, { accessToken: token });
        assert.equal(await user.status("GET", "/users/me"), 200);
      });
    });

    it("saves a change before it responds", async () => {
      await announced(withState(), async (client) => {
        await client.send("POST", "/secrets/api/keys", { name: "at once", type: "private_key" });
        assert.match(savedState(), /"at once"/);
      });
    });

    it("makes the file readable for its owner only, and leaves no temporary file", async () => {
      // A server that was killed may have left one, with all keys.
      cli.write("state.json.tmp", "half a file");
      await announced(withState());
      assert.equal(statSync(join(cli.directory, "state.json")).mode & 0o777, 0o600);
      assert.deepEqual(readdirSync(cli.directory), ["state.json"]);
    });

    it("follows a symbolic link when it writes", async () => {
      cli.write("real/x", "");
      await announced(withState());
      renameSync(join(cli.directory, "state.json"), join(cli.directory, "real", "target"));
      symlinkSync(join(cli.directory, "real", "target"), join(cli.directory, "state.json"));
      await announced(withState("--advance", "1d"));
      assert(lstatSync(join(cli.directory, "state.json")).isSymbolicLink());
      assert.match(cli.read("real/target"), /"aheadMs": 86400000/);
    });

    for (const [what, content, reason] of [
      ["other JSON", '{"name":"shop"}', /Reason: it does not look like .*: format: /],
      ["text that is not JSON", "notes", /Reason: it is not JSON, so it is damaged or/],
      ["an empty file", "", /Reason: it is not JSON/],
    ] as const) {
      it(`rejects ${what}, and leaves the file unchanged`, async () => {
        await assertRejected(content, reason);
      });
    }

    it("rejects a state of a later version, a damaged and an incomplete one", async () => {
      await announced(withState());
      const state = savedState();
      for (const [damaged, reason] of [
        [state.replace('"version": 1', '"version": 2'), /version: /],
        [state.replace(/"createdAt": "\d+"/, '"createdAt": "soon"'), /data\.\w+\.0\.createdAt: /],
        [state.slice(0, -100), /not JSON/],
      ] as const) {
        assert.notEqual(damaged, state);
        await assertRejected(damaged, reason);
      }
    });

    it("rejects the file of a running server", async () => {
      await announced(withState(), async ({ url }) => {
        const before = savedState();
        const { status, err } = await cli.command("dev-server", "--port", "0", ...withState());
        assert.equal(status, 3);
        assert(err.includes(`Reason: the dev-server at ${url} uses it\n`), err);
        assert.equal(savedState(), before);
      });
    });

    it("stops instead of overwriting what another program wrote", async () => {
      const ended = cli.command("dev-server", "--port", "0", "--json", ...withState());
      await once(cli.stdout, "readable");
      const server = announcement.parse(JSON.parse(cli.out));
      cli.write("state.json", "of somebody else");
      const client = new EmulatorClient(server.url, server);
      await client
        .send("POST", "/secrets/api/keys", { name: "k", type: "private_key" })
        .catch(() => {});
      const { status, err } = await ended;
      assert.equal(status, 3);
      assert.match(err, /Reason: another program has changed it since/);
      assert.equal(savedState(), "of somebody else");
      assert.deepEqual(readdirSync(cli.directory), ["state.json"]);
    });

    it("reports a file that cannot be read", async () => {
      symlinkSync("state.json", join(cli.directory, "state.json"));
      await cli.assertFails(
        3,
        /Reason: ELOOP.*\n.*name a file that you may read/,
        "dev-server",
        "--port",
        "0",
        ...withState(),
      );
    });

    it("reports a folder that does not exist", async () => {
      await cli.assertFails(
        3,
        /Reason: ENOENT.*\n.*name a file in a folder where you may write/,
        ...["dev-server", "--port", "0", "--state", join(cli.directory, "no", "state.json")],
      );
    });
  });

  it("reports a port that is in use, and how to choose another", async () => {
    const { port } = new URL(fixture.emulator.url);
    await cli.assertFails(
      3,
      new RegExp(`port ${port}\\.\\n  Reason: another program listens .*\\n.*port 0`),
      "dev-server",
      "--port",
      port,
    );
  });

  it("reports an invalid address", async () => {
    await cli.assertFails(
      3,
      /Reason: .*should be >= 0 and < 65536.*\n.*choose a --host that/,
      "dev-server",
      "--port",
      "99999",
    );
  });

  for (const args of ["--advance soon", "--advance -1d"]) {
    it(`rejects "${args}", which is not a duration`, async () => {
      await cli.assertFails(
        2,
        /^error: option '--advance <duration>' argument '.*' is invalid\. It must be/,
        "dev-server",
        ...args.split(" "),
      );
    });
  }

  for (const args of ["--port x", "--port -1", "--seed 1.5", "--accounts "]) {
    it(`rejects "${args}", which is not a whole number`, async () => {
      await cli.assertFails(
        2,
        /^error: option '--\w+ <number>' argument '.*' is invalid\. It must be/,
        "dev-server",
        ...args.split(" "),
      );
    });
  }
});
