import assert from "node:assert/strict";
import { once } from "node:events";
import { lstatSync, readdirSync, renameSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { EmulatorClient } from "../../../support/emulator-client";
import { DAY, HOUR, type UnitFixture } from "../../fixture";
import { CliFixture } from "../fixture";

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
  let cli: CliFixture;
  let fixture: UnitFixture;
  beforeEach(async () => {
    cli = await CliFixture.start();
    fixture = cli.server;
  });
  afterEach(() => cli.close());

  /** Starts a server, passes its output to `use`, stops it, and returns its log. */
  async function serve(
    args: readonly string[],
    use: (out: string) => Promise<void> | void,
  ): Promise<string> {
    const mine = new CliFixture(fixture);
    const ended = mine.command("dev-server", "--port", "0", ...args);
    try {
      for await (const piece of mine.stdout) {
        await use(String(piece));
        break;
      }
    } finally {
      mine.stop();
      mine.dispose();
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
    const found: z.infer<typeof announcement>[] = [];
    const log = await serve(["--json", ...args], async (out) => {
      assert.match(out, /^\{.*\}\n$/);
      const one = announcement.parse(JSON.parse(out));
      found.push(one);
      await use(new EmulatorClient(one.url, one));
    });
    const [one] = found;
    assert(one !== undefined && log === "");
    return one;
  }

  // page.test.ts tests the whole text.
  it("prints the key of an operator", async () => {
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
    const one = await announced(["--seed", "7"]);
    const same = await announced(["--seed", "7", "--accounts", "2"]);
    assert.deepEqual({ ...same, url: one.url }, one);
    for (const other of [await announced(["--seed", "8"]), await announced([])]) {
      for (const name of ["apiKey", "tenantId", "environmentId", "userId"] as const) {
        assert.notEqual(other[name], one[name]);
      }
    }
  });

  it("starts with accounts that have one key each, the same ones from the same seed", async () => {
    const lists: unknown[] = [];
    for (let i = 0; i < 2; i++) {
      await announced(["--seed", "1", "--accounts", "3"], async (client) => {
        const { json } = await client.send("GET", "/secrets/api/keys?order=asc");
        lists.push(listedKeys.parse(json).items);
      });
    }
    const [keys, again] = lists.map((list) => z.array(listedKeys.shape.items.element).parse(list));
    assert.deepEqual(
      keys?.map(({ name, roles }) => [name, ...roles]),
      [
        ["admin key", "super_admin"],
        ["demo-1", "event_ingestor"],
        ["demo-2", "event_reader"],
        ["demo-3", "event_ingestor"],
      ],
    );
    assert.deepEqual(again, keys);
  });

  it("gives objects that are created later the real time", async () => {
    await announced(["--seed", "1"], async (client) => {
      const key = { name: "new", type: "private_key" };
      const { text } = await client.send("POST", "/secrets/api/keys", key);
      const { created_at } = JSON.parse(text).secret;
      assert.equal(Math.floor(Date.parse(created_at)), fixture.clock.now);
    });
  });

  it("logs requests without secrets if asked to", async () => {
    const log = await serve(["--json", "--log"], async (out) => {
      const { url, apiKey } = announcement.parse(JSON.parse(out));
      const client = new EmulatorClient(url, { apiKey });
      await client.me();
      await client.status("GET", "/nowhere?x=1");
    });
    assert.equal(log, "08:00:00 200 GET /v1/users/me\n08:00:00 404 GET /v1/nowhere?x=1\n");
  });

  it("tells programs on other hosts to set allowInsecure", async () => {
    await serve(["--host", "0.0.0.0", "--accounts", "2"], (out) => {
      assert.match(out, /^ {2}pulumi config set flexprice:allowInsecure true$/m);
      assert.match(out, /^ {2}export FLEXPRICE_ALLOW_INSECURE=true$/m);
      assert.match(out, /^It starts with 2 service accounts, with one key each\.$/m);
    });
  });

  it("starts with its clock moved ahead, and tells how Pulumi follows it", async () => {
    await serve(["--advance", "36h"], async (out) => {
      assert.match(out, /^Clock: 2026-11-25T20:00:00Z, 1\.5 days ahead$/m);
      assert.match(out, /^ {2}export FLEXPRICE_TRUST_DATE_HEADER=true$/m);
      const [url = "", apiKey = ""] = out.match(/http:\/\/127\.0\.0\.1:\d+\/v1|sk_\w{26}/g) ?? [];
      const { headers } = await fetch(`${url}/users/me`, { headers: { "x-api-key": apiKey } });
      assert.equal(headers.get("date"), "Wed, 25 Nov 2026 20:00:00 GMT");
    });
  });

  it("says nothing of its clock where nobody can move it", async () => {
    await serve([], (out) => assert.doesNotMatch(out, /Clock|Keys:|TRUST/));
  });

  describe("on a terminal", () => {
    let mine: CliFixture;
    let ended: ReturnType<CliFixture["command"]>;
    const modes: boolean[] = [];

    /** Starts a server, and returns what it prints first. */
    async function start(...args: string[]): Promise<string> {
      mine = new CliFixture(fixture);
      mine.onTerminal(80);
      modes.length = 0;
      Object.assign(mine.stdin, { setRawMode: (isRaw: boolean) => modes.push(isRaw) });
      mine.programs.set("ps -o stat= -p", { stdout: "Sl+\n" });
      ended = mine.command("dev-server", "--port", "0", ...args);
      await once(mine.stdout, "readable");
      return mine.out;
    }
    afterEach(async () => {
      mine.stop();
      mine.dispose();
      assert.equal((await ended).status, 0);
    });

    it("moves its clock by a key press, and shows the new time", async () => {
      const out = await start();
      assert.match(out, /^Clock: 2026-11-24T08:00:00Z$/m);
      assert.match(out, /^Keys: {2}d, w and m move the clock .*$/m);
      mine.stdin.write("d\u001b[dx");
      mine.stdin.write("dwm");
      let shown = mine.out;
      while (!shown.includes("39 days")) {
        await once(mine.stdout, "readable");
        shown += mine.out;
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
      it(`ends by ${name}, and leaves the terminal as it was`, async () => {
        await start();
        assert.deepEqual(modes, [true]);
        mine.stdin.write(key);
        assert.equal((await ended).status, 0);
        assert.deepEqual(modes, [true, false]);
        assert(mine.stdin.isPaused());
      });
    }

    it("reads no keys in the background, where the shell would stop it", async () => {
      mine = new CliFixture(fixture);
      mine.onTerminal(80);
      Object.assign(mine.stdin, { setRawMode: () => assert.fail("touches the terminal") });
      mine.programs.set("ps -o stat= -p", { stdout: "Sl\n" });
      ended = mine.command("dev-server", "--port", "0");
      await once(mine.stdout, "readable");
      assert.doesNotMatch(mine.out, /Keys:/);
    });

    it("reads no keys for a script", async () => {
      assert.match(await start("--json"), /^\{.*\}\n$/);
      assert.deepEqual(modes, []);
    });

    it("prints commands that a narrow terminal does not cut", async () => {
      mine = new CliFixture(fixture);
      mine.onTerminal(60);
      ended = mine.command("dev-server", "--port", "0", "--seed", "1", "--state", "s.json");
      await once(mine.stdout, "readable");
      const { out } = mine;
      const folder = mine.directory;
      const lines = out.replaceAll(folder, "/").split("\n");
      assert.deepEqual(
        lines.filter((line) => line.length > 60),
        [],
      );
      assert.match(out, /^ {2}pulumi config set --secret flexprice:apiKey \\\n {4}sk_\w{26}$/m);
    });
  });

  describe("with --state", () => {
    const keep = (...args: string[]) => ["--state", join(cli.directory, "state.json"), ...args];
    const stateOf = () => cli.read("state.json");

    it("continues after a restart with its tenant, accounts, keys and clock", async () => {
      let made = "";
      const first = await announced(keep("--advance", "1d", "--accounts", "2"), async (client) => {
        const key = { name: "lasting", type: "private_key", expires_at: "2026-12-24T08:00:00.5Z" };
        const { json } = await client.send("POST", "/secrets/api/keys", key);
        made = z.object({ api_key: z.string() }).parse(json).api_key;
        await client.send("PUT", "/users/me", { metadata: { team: "a" } });
      });
      const listed: unknown[] = [];
      const again = await announced(keep("--advance", "12h", "--accounts", "9"), async (client) => {
        const { json, headers } = await client.send("GET", "/secrets/api/keys?order=asc");
        listed.push(json);
        assert.equal(
          Date.parse(headers.get("date") ?? ""),
          fixture.clock.now + DAY + 12 * HOUR,
          "the clock",
        );
        assert.match((await client.send("GET", "/users/me")).text, /"team":"a"/);
      });
      assert.deepEqual({ ...again, url: first.url }, first);
      const { items } = listedKeys.parse(listed[0]);
      assert.deepEqual(
        items.map(({ name }) => name),
        ["admin key", "demo-1", "demo-2", "lasting"],
      );
      await announced(keep(), async (client) => {
        const lasting = new EmulatorClient(client.url, { apiKey: made });
        assert.equal((await lasting.send("GET", "/users/me")).status, 200);
      });
      await serve(keep("--accounts", "9"), async (out) => {
        assert.doesNotMatch(out, /It starts with/);
      });
    });

    it("accepts access tokens of an earlier run", async () => {
      let token = "";
      const login = { email: "a@example.com", password: "long enough", tenant_name: "T" };
      await announced(keep(), async (client) => {
        const { json } = await client.send("POST", "/auth/signup", login);
        token = z.object({ token: z.string() }).parse(json).token;
      });
      await announced(keep(), async (client) => {
        const user = new EmulatorClient(client.url, { accessToken: token });
        assert.equal(await user.status("GET", "/users/me"), 200);
      });
    });

    it("has saved a change before it answers", async () => {
      await announced(keep(), async (client) => {
        await client.send("POST", "/secrets/api/keys", { name: "at once", type: "private_key" });
        assert.match(stateOf(), /"at once"/);
      });
    });

    it("keeps the file readable by its owner alone, and leaves no draft", async () => {
      // A server that was killed may have left one, with all keys.
      cli.write("state.json.tmp", "half a file");
      await announced(keep());
      assert.equal(statSync(join(cli.directory, "state.json")).mode & 0o777, 0o600);
      assert.deepEqual(readdirSync(cli.directory), ["state.json"]);
    });

    it("writes through a link", async () => {
      cli.write("real/x", "");
      await announced(keep());
      renameSync(join(cli.directory, "state.json"), join(cli.directory, "real", "target"));
      symlinkSync(join(cli.directory, "real", "target"), join(cli.directory, "state.json"));
      await announced(keep("--advance", "1d"));
      assert(lstatSync(join(cli.directory, "state.json")).isSymbolicLink());
      assert.match(cli.read("real/target"), /"aheadMs": 86400000/);
    });

    const foreign: [string, string, RegExp][] = [
      ["other JSON", '{"name":"mine"}', /Reason: it does not look like .*: format: /],
      ["text that is not JSON", "notes", /Reason: it is not JSON, so it is damaged or/],
      ["an empty file", "", /Reason: it is not JSON/],
    ];
    for (const [name, content, reason] of foreign) {
      it(`refuses and keeps ${name}`, async () => {
        cli.write("state.json", content);
        const { status, out, err } = await cli.command("dev-server", "--port", "0", ...keep());
        assert.deepEqual([status, out, stateOf()], [3, "", content]);
        assert.match(err, reason);
        assert.match(err, /What to do: name another file/);
      });
    }

    it("refuses a file of a later version, and one with a damaged row", async () => {
      await announced(keep());
      const state = stateOf();
      for (const [damaged, place] of [
        [state.replace('"version": 1', '"version": 2'), /version: /],
        [state.replace(/"createdAt": "\d+"/, '"createdAt": "soon"'), /data\.\w+\.0\.createdAt: /],
        [state.slice(0, -100), /not JSON/],
      ] as const) {
        assert.notEqual(damaged, state);
        cli.write("state.json", damaged);
        const { status, err } = await cli.command("dev-server", "--port", "0", ...keep());
        assert.equal(status, 3);
        assert.match(err, place);
        assert.doesNotMatch(err, /sk_\w/);
        assert.equal(stateOf(), damaged);
      }
    });

    it("refuses the file of a server that runs", async () => {
      await announced(keep(), async ({ url }) => {
        const before = stateOf();
        const { status, err } = await cli.command("dev-server", "--port", "0", ...keep());
        assert.equal(status, 3);
        assert(err.includes(`Reason: the dev-server at ${url} uses it\n`), err);
        assert.equal(stateOf(), before);
      });
    });

    it("ends rather than overwrite what another program wrote", async () => {
      const mine = new CliFixture(fixture);
      const ended = mine.command("dev-server", "--port", "0", "--json", ...keep());
      await once(mine.stdout, "readable");
      const server = announcement.parse(JSON.parse(mine.out));
      cli.write("state.json", "of somebody else");
      const client = new EmulatorClient(server.url, server);
      await client
        .send("POST", "/secrets/api/keys", { name: "k", type: "private_key" })
        .catch(() => {});
      const { status, err } = await ended;
      mine.dispose();
      assert.equal(status, 3);
      assert.match(err, /Reason: another program has changed it since/);
      assert.equal(stateOf(), "of somebody else");
      assert.deepEqual(readdirSync(cli.directory), ["state.json"]);
    });

    it("reports a file that cannot be looked at", async () => {
      symlinkSync("state.json", join(cli.directory, "state.json"));
      const { status, err } = await cli.command("dev-server", "--port", "0", ...keep());
      assert.equal(status, 3);
      assert.match(err, /Reason: ELOOP.*\n.*name a file that you may read/);
    });

    it("reports a folder that does not exist, and frees its port", async () => {
      const { status, err } = await cli.command(
        ...["dev-server", "--port", "0", "--state", join(cli.directory, "no", "state.json")],
      );
      assert.equal(status, 3);
      assert.match(err, /Reason: ENOENT.*\n.*name a file in a folder where you may write/);
    });
  });

  it("reports a port in use, and how to choose another", async () => {
    const { port } = new URL(fixture.emulator.url);
    const { status, out, err } = await cli.command("dev-server", "--port", port);
    assert.deepEqual([status, out], [3, ""]);
    assert.match(
      err,
      new RegExp(`port ${port}\\.\\n  Reason: another program listens .*\\n.*port 0`),
    );
  });

  it("reports an invalid address", async () => {
    const { status, err } = await cli.command("dev-server", "--port", "99999");
    assert.equal(status, 3);
    assert.match(err, /Reason: .*should be >= 0 and < 65536.*\n.*choose a --host that/);
  });

  for (const args of ["--advance soon", "--advance -1d"]) {
    it(`rejects ${args}, which is not a duration`, async () => {
      const { status, err } = await cli.command("dev-server", ...args.split(" "));
      assert.equal(status, 2);
      assert.match(
        err,
        /^error: option '--advance <duration>' argument '.*' is invalid\. It must be/,
      );
    });
  }

  for (const args of ["--port x", "--port -1", "--seed 1.5", "--accounts "]) {
    it(`rejects ${args}, which is not a whole number`, async () => {
      const { status, out, err } = await cli.command("dev-server", ...args.split(" "));
      assert.deepEqual([status, out], [2, ""]);
      assert.match(err, /^error: option '--\w+ <number>' argument '.*' is invalid\. It must be/);
    });
  }
});
