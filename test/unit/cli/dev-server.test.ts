import assert from "node:assert/strict";
import { z } from "zod";
import { EmulatorClient } from "../../support/emulator-client";
import { HOUR, type UnitFixture } from "../fixture";
import { CliFixture } from "./fixture";

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

  for (const args of ["--port x", "--port -1", "--seed 1.5", "--accounts "]) {
    it(`rejects ${args}, which is not a whole number`, async () => {
      const { status, out, err } = await cli.command("dev-server", ...args.split(" "));
      assert.deepEqual([status, out], [2, ""]);
      assert.match(err, /^error: option '--\w+ <number>' argument '.*' is invalid\. It must be/);
    });
  }
});
