import assert from "node:assert/strict";
import { createServer, type Server } from "node:net";
import { HOUR, UnitFixture } from "../fixture";
import { TestShell } from "./command-context";

interface Announced {
  url: string;
  apiKey: string;
  tenantId: string;
  environmentId: string;
  userId: string;
}

describe("cli/dev-server", () => {
  let fixture: UnitFixture;
  let shell: TestShell;
  const taken: Server[] = [];
  beforeEach(async () => {
    fixture = await UnitFixture.start();
    shell = new TestShell(fixture);
  });
  afterEach(async () => {
    shell.stop();
    shell.dispose();
    for (const server of taken.splice(0)) server.close();
    await fixture.stop();
  });

  /** What a server prints once it runs; it is stopped when `use` is done. */
  async function serve<Result>(
    args: readonly string[],
    use: (out: string) => Promise<Result>,
  ): Promise<Result> {
    const mine = new TestShell(fixture);
    const ended = mine.command("dev-server", "--port", "0", ...args);
    try {
      for await (const piece of mine.stdout) return await use(String(piece));
      throw new Error("nothing was printed");
    } finally {
      mine.stop();
      const { status, err } = await ended;
      assert.deepEqual([status, err], [0, ""]);
      mine.dispose();
    }
  }

  function announced(...args: string[]): Promise<Announced> {
    fixture.clock.now += HOUR;
    return serve(["--json", ...args], async (out) => {
      assert.match(out, /^\{.*\}\n$/);
      return JSON.parse(out);
    });
  }

  function get(url: string, apiKey: string): Promise<Response> {
    return fetch(url, { headers: { "x-api-key": apiKey } });
  }

  it("prints a key that works, and how to use it", async () => {
    await serve([], async (out) => {
      const [, url = ""] =
        /^Embedded Flexprice at (http:\/\/127\.0\.0\.1:\d+\/v1)$/m.exec(out) ?? [];
      const [apiKey = ""] = /sk_\w{26}/.exec(out) ?? [];
      const me = await get(`${url}/users/me`, apiKey);
      const { roles, tenant } = (await me.json()) as { roles: string[]; tenant: { id: string } };
      assert.deepEqual(roles, ["super_admin"]);
      assert.deepEqual(out.split("\n").slice(1), [
        "In memory: what is made in it is gone when it ends (Ctrl-C).",
        "",
        "API key of a super_admin user",
        `of tenant ${tenant.id}, environment ${/env_\w+/.exec(out)?.[0]}:`,
        `  ${apiKey}`,
        "",
        "To use it in a Pulumi stack:",
        `  pulumi config set flexprice:baseUrl ${url}`,
        `  pulumi config set --secret flexprice:apiKey ${apiKey}`,
        "",
        "Or in a shell:",
        `  export FLEXPRICE_BASE_URL=${url}`,
        `  export FLEXPRICE_API_KEY=${apiKey}`,
        "",
      ]);
    });
  });

  it("closes its port when it is stopped", async () => {
    const { url, apiKey } = await announced();
    await assert.rejects(get(`${url}/users/me`, apiKey), TypeError);
  });

  it("makes the same tenant, operator and key from a seed, and others without", async () => {
    const one = await announced("--seed", "7");
    const { url: _, ...rest } = await announced("--seed", "7", "--accounts", "2");
    assert.deepEqual({ ...rest, url: one.url }, one);
    const others = [await announced("--seed", "8"), await announced()];
    for (const other of others) {
      for (const name of ["apiKey", "tenantId", "environmentId", "userId"] as const) {
        assert.notEqual(other[name], one[name]);
      }
    }
  });

  it("begins with accounts that have a key each, the same ones from a seed", async () => {
    const listed = () =>
      serve(["--json", "--seed", "1", "--accounts", "3"], async (out) => {
        const { url, apiKey }: Announced = JSON.parse(out);
        const keys = await (await get(`${url}/secrets/api/keys?order=asc`, apiKey)).json();
        return (keys as { items: { name: string; id: string; roles: string[] }[] }).items;
      });
    const keys = await listed();
    assert.deepEqual(
      keys.map(({ name, roles }) => [name, ...roles]),
      [
        ["admin key", "super_admin"],
        ["demo-1", "event_ingestor"],
        ["demo-2", "event_reader"],
        ["demo-3", "event_ingestor"],
      ],
    );
    assert.deepEqual(await listed(), keys);
  });

  it("gives what is made later the real time", async () => {
    await serve(["--json", "--seed", "1"], async (out) => {
      const { url, apiKey }: Announced = JSON.parse(out);
      fixture.clock.now += HOUR;
      const made = await fetch(`${url}/secrets/api/keys`, {
        method: "POST",
        headers: { "x-api-key": apiKey, "content-type": "application/json" },
        body: JSON.stringify({ name: "new", type: "private_key" }),
      });
      const { secret } = (await made.json()) as { secret: { created_at: string } };
      assert.equal(Math.floor(Date.parse(secret.created_at)), fixture.clock.now);
    });
  });

  it("shows requests when asked to, without what is secret in them", async () => {
    const running = shell.command("dev-server", "--port", "0", "--json", "--log");
    for await (const piece of shell.stdout) {
      const { url, apiKey }: Announced = JSON.parse(String(piece));
      await get(`${url}/users/me`, apiKey);
      await get(`${url}/nowhere?x=1`, apiKey);
      break;
    }
    shell.stop();
    const { err } = await running;
    assert.equal(err, "08:00:00 200 GET /v1/users/me\n08:00:00 404 GET /v1/nowhere?x=1\n");
  });

  it("says that a port is taken, and how to take another", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    taken.push(other);
    await new Promise((resolve) => other.once("listening", resolve));
    const { port } = other.address() as { port: number };
    const { status, out, err } = await shell.command("dev-server", "--port", String(port));
    assert.deepEqual(
      { status, out, err },
      {
        status: 3,
        out: "",
        err: `Could not start the embedded Flexprice on 127.0.0.1, port ${port}.\n  Reason: another program listens on this port\n  What to do: end that program, or take another port: --port 0 takes any that is free.\n`,
      },
    );
  });

  it("says what is wrong with an address", async () => {
    const { status, err } = await shell.command("dev-server", "--port", "99999");
    assert.equal(status, 3);
    assert.match(err, /Reason: .*should be >= 0 and < 65536.*\n {2}What to do: take a --host that/);
  });

  it("tells that programs on other hosts need allowInsecure", async () => {
    await serve(["--host", "0.0.0.0", "--accounts", "2"], async (out) => {
      assert.match(out, /^ {2}pulumi config set flexprice:allowInsecure true$/m);
      assert.match(out, /^ {2}export FLEXPRICE_ALLOW_INSECURE=true$/m);
      assert.match(out, /^It begins with 2 service accounts, a key each\.$/m);
    });
  });

  for (const args of [
    ["--port", "x"],
    ["--port", "-1"],
    ["--seed", "1.5"],
    ["--accounts", ""],
  ]) {
    it(`takes whole numbers only: ${args.join(" ")}`, async () => {
      const { status, out, err } = await shell.command("dev-server", ...args);
      assert.deepEqual([status, out], [2, ""]);
      assert.match(err, /^error: option '--\w+ <number>' argument '.*' is invalid\. It must be/);
    });
  }
});
