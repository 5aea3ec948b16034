import assert from "node:assert/strict";
import { z } from "zod";
import { type ApiCall, Client, type ClientOptions } from "../../../provider/api/client";
import { ServerClock } from "../../../provider/api/server-clock";
import { type HttpRequest, TransportFailure } from "../../../provider/api/transport";
import type { Credential } from "../../../provider/config/read";
import { type ErrorKind, FlexpriceError } from "../../../provider/shared/errors";
import { credential, failureOf, HOUR, ONCE, START, token } from "../fixture";

const BASE = "https://flexprice.example/v1";
const CREDENTIAL = credential("sk_01M85FAKMEBXGA1EGXE598V40Z");

interface Scripted {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  /** A string is sent verbatim, anything else as JSON. */
  readonly body?: unknown;
}
type Step = Scripted | TransportFailure | Error;

const reset = new TransportFailure("other side closed", "unknown");
const refused = new TransportFailure("connect ECONNREFUSED 127.0.0.1:1", "no");

/** A client whose server sends these responses in order, and then repeats the last one. */
function scripted(steps: Step[], options: Partial<ClientOptions> = {}) {
  const sent: HttpRequest[] = [];
  const pauses: number[] = [];
  const notices: string[] = [];
  const clock = { now: START };
  const client = new Client({
    baseUrl: BASE,
    credential: CREDENTIAL,
    ...options,
    platform: {
      transport: async (request) => {
        const step = steps[Math.min(sent.push(request), steps.length) - 1] ?? {};
        if (step instanceof Error) throw step;
        const { status = 200, headers = {}, body = { id: "a" } } = step;
        return { status, headers, body: typeof body === "string" ? body : JSON.stringify(body) };
      },
      now: () => clock.now,
      random: () => 0.5,
      sleep: async (ms) => {
        pauses.push(ms);
        clock.now += ms;
      },
      notify: async (text) => {
        notices.push(text);
      },
    },
  });
  return { client, sent, pauses, notices, clock };
}

const READ: ApiCall<{ id: string }> = {
  method: "GET",
  path: "/things",
  safety: "safe",
  label: "read the thing",
  responseSchema: z.object({ id: z.string() }),
};
const CREATE: ApiCall<{ id: string }> = {
  ...READ,
  method: "POST",
  body: { name: "a" },
  safety: "unsafe",
  label: "create the thing",
};
const DELETE: ApiCall<undefined> = {
  method: "DELETE",
  path: "/things/a",
  safety: "idempotent",
  label: "delete the thing",
};

const refusal = (status: number, body: unknown): Scripted => ({ status, body });

describe("api/client", () => {
  describe("what is sent", () => {
    it("is the method, the URL and the key, without a body", async () => {
      const { client, sent } = scripted([{}]);
      assert.deepEqual(await client.call(READ), { id: "a" });
      assert.deepEqual(sent, [
        {
          method: "GET",
          url: "https://flexprice.example/v1/things",
          headers: {
            accept: "application/json",
            "user-agent": "pulumi-flexprice",
            "x-api-key": CREDENTIAL.value,
          },
          body: undefined,
        },
      ]);
    });

    it("is a token, the environment, a query and a body in JSON", async () => {
      const { client, sent } = scripted([{}], {
        credential: token("a-token-of-a-user"),
        environmentId: "env_1",
      });
      await client.call({ ...CREATE, query: { limit: 5, user_id: "a&b=c", none: undefined } });
      assert.deepEqual(sent, [
        {
          method: "POST",
          url: "https://flexprice.example/v1/things?limit=5&user_id=a%26b%3Dc",
          headers: {
            accept: "application/json",
            "user-agent": "pulumi-flexprice",
            authorization: "Bearer a-token-of-a-user",
            "x-environment-id": "env_1",
            "content-type": "application/json",
          },
          body: '{"name":"a"}',
        },
      ]);
    });

    it("is asked as somebody else on the same server and in the same environment", async () => {
      const { client, sent } = scripted([{}], { environmentId: "env_1" });
      await client.as(token("another-token")).call(READ);
      assert.deepEqual(sent[0]?.headers, {
        accept: "application/json",
        "user-agent": "pulumi-flexprice",
        authorization: "Bearer another-token",
        "x-environment-id": "env_1",
      });
    });
  });

  describe("the server's clock, of which a gateway may tell nonsense", () => {
    const clocks = (maxSkewMs?: number) => {
      const local = { now: START };
      return { local, clock: new ServerClock(() => local.now, maxSkewMs) };
    };
    const header = (time: number) => new Date(time).toUTCString();

    it("counts where the earlier time is the safer one, however far it is behind ours", () => {
      const { clock } = clocks();
      assert.equal(clock.earliestNow(), START);
      clock.noteHeader(header(START - 900_000));
      clock.noteHeader("soon");
      clock.noteHeader(undefined);
      assert.deepEqual([clock.now(), clock.earliestNow()], [START, START - 900_000]);
      clock.noteHeader(header(START + 900_000));
      assert.equal(clock.earliestNow(), START);
    });

    it("is believed up to two minutes from ours, and no further without more", () => {
      const { clock } = clocks();
      clock.noteHeader(header(START + 120_000));
      assert.equal(clock.now(), START + 120_000);
      clock.noteHeader(header(START + 121_000));
      clock.noteHeader(header(START - 121_000));
      assert.equal(clock.now(), START + 120_000);
    });

    it("is believed further away once an object of that time was made", () => {
      const { clock } = clocks();
      clock.noteCreation(START + 3_600_250);
      assert.equal(clock.now(), START + 3_600_250);
      clock.noteHeader(header(START));
      assert.equal(clock.now(), START + 3_600_250);
      clock.noteHeader(header(START + 3_601_000));
      assert.equal(clock.now(), START + 3_601_000);
      // A late response does not replace the time of a good header.
      clock.noteCreation(START + 3_590_000);
      assert.equal(clock.now(), START + 3_601_000);
    });

    it("is not moved by what tells no time", () => {
      const { clock } = clocks();
      clock.noteHeader(undefined);
      clock.noteHeader("some day");
      clock.noteCreation(undefined);
      clock.noteCreation(Number.NaN);
      assert.equal(clock.now(), START);
    });
  });

  it("takes nothing but 204 for a deletion, however friendly the page", async () => {
    for (const friendly of [{ status: 200, body: "<html>Welcome</html>" }, { status: 202 }]) {
      const { client, sent } = scripted([friendly]);
      await assert.rejects(client.call(DELETE), { kind: "malformed_answer" });
      assert(sent.length > 2);
    }
    const { client, sent } = scripted([
      { status: 200, body: "" },
      { status: 204, body: "" },
    ]);
    assert.equal(await client.call(DELETE), undefined);
    assert.equal(sent.length, 2);
  });

  it("asks nothing of the body where none is expected", async () => {
    const { client } = scripted([{ status: 204, body: "" }]);
    assert.equal(await client.call(DELETE), undefined);
  });

  it("leaves out what it does not know of an answer", async () => {
    const { client } = scripted([{ body: { id: "a", more: 1 } }]);
    assert.deepEqual(await client.call(READ), { id: "a" });
  });

  describe("the server's clock", () => {
    const date = (time: number) => ({ date: new Date(time).toUTCString() });

    it("is ours until the server has told its own", () => {
      const { client, clock } = scripted([{}]);
      clock.now += 5;
      assert.equal(client.serverNow(), START + 5);
    });

    it("follows the newest Date header, of refusals too, and goes on between two", async () => {
      const { client, clock } = scripted([
        { headers: date(START + 60_000) },
        { status: 404, headers: date(START - 60_000), body: "" },
        { headers: { date: "some day" } },
        {},
      ]);
      await client.call(READ);
      assert.equal(client.serverNow(), START + 60_000);
      clock.now += 250;
      assert.equal(client.serverNow(), START + 60_250);
      await failureOf(client.call(READ), "malformed_answer");
      for (const _ of [1, 2, 3]) {
        assert.equal(client.serverNow(), START - 60_000);
        await client.call(READ);
      }
    });

    it("is not what a header says that is more than two minutes from ours", async () => {
      for (const [ahead, believed] of [
        [120_000, true],
        [121_000, false],
        [-120_000, true],
        [-121_000, false],
        [365 * 86_400_000, false],
      ] as const) {
        const { client } = scripted([{ headers: date(START + ahead) }]);
        await client.call(READ);
        assert.equal(client.serverNow() - START, believed ? ahead : 0, String(ahead));
      }
    });

    it("is what an object says that was just made, and from then on headers near to that", async () => {
      const { client, clock } = scripted([
        { headers: date(START + HOUR) },
        { headers: date(START + HOUR + 30_000) },
        { headers: date(START) },
      ]);
      await client.call(READ);
      client.noteCreation(START + HOUR + 5_000);
      assert.equal(client.serverNow(), START + HOUR + 5_000);
      await client.call(READ);
      assert.equal(client.serverNow(), START + HOUR + 30_000);
      await client.call(READ);
      assert.equal(client.serverNow(), START + HOUR + 30_000, "ours is not believed any more");
      clock.now += 7;
      assert.equal(client.serverNow(), START + HOUR + 30_007);
    });

    it("stays with a header that an object bears out, whose answer may have taken long", async () => {
      const { client } = scripted([{ headers: date(START + 60_000) }]);
      await client.call(READ);
      for (const createdAt of [START - 60_000, START + 180_000]) {
        client.noteCreation(createdAt);
        assert.equal(client.serverNow(), START + 60_000);
      }
      client.noteCreation(START - 60_001);
      assert.equal(client.serverNow(), START - 60_001);
    });

    it("learns nothing from an object that does not say when it was made", async () => {
      const { client } = scripted([{ headers: date(START + HOUR) }]);
      client.noteCreation(undefined);
      client.noteCreation(Number.NaN);
      await client.call(READ);
      assert.equal(client.serverNow(), START);
    });

    it("is shared by whoever asks the same server with another credential", async () => {
      const { client } = scripted([{ headers: date(START + 60_000) }]);
      await client.as(token("another-token")).call(READ);
      assert.equal(client.serverNow(), START + 60_000);
      client.as(token("another-token")).noteCreation(START + HOUR);
      assert.equal(client.serverNow(), START + HOUR);
    });
  });

  describe("one attempt", () => {
    const attempt = (step: Step, call = CREATE) => scripted([step]).client.attempt(call);
    const outcomeOf = async (step: Step, call = CREATE) => {
      const result = await attempt(step, call);
      assert("outcome" in result);
      return result.outcome;
    };

    it("gives the value of an answer that can be used", async () => {
      assert.deepEqual(await attempt({ status: 201 }), { value: { id: "a" } });
    });

    it("is sent once, whatever comes of it", async () => {
      for (const step of [reset, refused, { status: 429 }, { status: 500 }, { body: "<html>" }]) {
        for (const call of [CREATE, READ]) {
          const { client, sent, pauses } = scripted([step]);
          await client.attempt(call);
          assert.deepEqual([sent.length, pauses], [1, []]);
        }
      }
    });

    it("says what it waits for, where the server takes long to answer", async () => {
      const notices: string[] = [];
      const client = new Client({
        baseUrl: BASE,
        credential: CREDENTIAL,
        platform: {
          transport: async (_request, onSlow) => {
            onSlow?.();
            return { status: 200, headers: {}, body: '{"id":"a"}' };
          },
          now: () => START,
          random: () => 0,
          sleep: async () => {},
          notify: async (text) => void notices.push(text),
        },
      });
      await client.call(READ);
      assert.deepEqual(notices, [
        `Waiting for ${BASE}, which is slow to respond. Each request has up to 60 seconds.`,
      ]);
    });

    it("says how it ended, and fails as a call does", async () => {
      const retry = {
        maxAttempts: 1,
        maxElapsedMs: 0,
        unreachableMs: 0,
        throttledMs: 0,
        baseDelayMs: 0,
        maxDelayMs: 0,
      };
      for (const [step, outcome] of [
        [reset, { kind: "connection_lost" }],
        [refused, { kind: "not_sent" }],
        [{ body: "<html>" }, { kind: "connection_lost" }],
        [
          { status: 503, headers: { "retry-after": "7" } },
          { kind: "response", status: 503, retryAfter: "7", isRefusal: false, isOutage: false },
        ],
      ] as const) {
        const result = await attempt(step);
        assert("outcome" in result);
        assert.deepEqual(result.outcome, outcome);
        const called = scripted([step], { retry }).client.call(CREATE);
        await assert.rejects(called, (error) => {
          assert(error instanceof FlexpriceError);
          assert.deepEqual([error.message, error.kind], [result.error.message, result.error.kind]);
          return true;
        });
      }
    });

    const shapes = [
      { code: "validation_error", message: "no" },
      { message: "insufficient permissions" },
      { error: "Unauthorized" },
    ];
    for (const [status, isRefusal] of [
      [301, false],
      [400, true],
      [401, true],
      [403, true],
      [404, true],
      [408, false],
      [409, true],
      [422, true],
      [429, false],
      [500, false],
      [503, false],
    ] as const) {
      it(`${isRefusal ? "was" : "was not surely"} refused by a ${status} in Flexprice's shapes`, async () => {
        for (const body of shapes) {
          assert.deepEqual(await outcomeOf({ status, body }), {
            kind: "response",
            status,
            retryAfter: undefined,
            isRefusal,
            isOutage: false,
          });
        }
      });
    }

    it("was not surely refused by a 4xx of any other shape", async () => {
      for (const body of [
        "",
        "404 page not found",
        "<html>",
        "{}",
        '{"message":""}',
        '{"id":"a"}',
      ]) {
        const outcome = await outcomeOf({ status: 404, body });
        assert(outcome.kind === "response");
        assert.equal(outcome.isRefusal, false, body);
      }
    });

    it("lets a mistake of our own through", async () => {
      const mistake = new TypeError("a mistake");
      await assert.rejects(attempt(mistake), mistake);
    });
  });

  describe("repeating", () => {
    it("ends with the first answer that can be used", async () => {
      const { client, sent, pauses } = scripted([
        reset,
        { status: 503, headers: { "retry-after": "7" }, body: "" },
        { body: "<html>" },
        { body: { id: "b" } },
      ]);
      assert.deepEqual(await client.call(READ), { id: "b" });
      assert.deepEqual({ sent: sent.length, pauses }, { sent: 4, pauses: [188, 7_000, 750] });
    });

    it("ends with the last failure when nothing helps", async () => {
      const { client, sent, pauses, clock } = scripted([{ status: 502, body: "" }]);
      await failureOf(client.call(DELETE), "server_error");
      assert.deepEqual(pauses.slice(0, 7), [188, 375, 750, 1_500, 3_000, 6_000, 6_000]);
      assert.equal(sent.length, pauses.length + 1);
      assert(clock.now - START > 50_000 && clock.now - START <= 60_000);
    });

    it("ends when its time is over", async () => {
      const { client, sent, clock } = scripted([
        { status: 503, headers: { "retry-after": "25" }, body: "" },
      ]);
      await failureOf(client.call(READ), "server_error");
      assert.equal(sent.length, 3);
      assert.equal(clock.now - START, 50_000);
    });

    it("keeps to the limits it was given", async () => {
      const retry = { ...ONCE, maxAttempts: 2, maxElapsedMs: 1_000, baseDelayMs: 10 };
      const { client, pauses } = scripted([{ status: 502, body: "" }], { retry });
      await failureOf(client.call(READ), "server_error");
      assert.deepEqual(pauses, [0]);
    });

    for (const step of [reset, { status: 500, body: "" }, { status: 504 }, { body: "<html>" }]) {
      it(`never happens for a create that may have been received: ${describeStep(step)}`, async () => {
        const { client, sent } = scripted([step]);
        await failureOf(client.call(CREATE), "outcome_unknown");
        assert.equal(sent.length, 1);
      });
    }

    for (const step of [
      refused,
      { status: 429 },
      { status: 503, headers: { "retry-after": "1" } },
    ]) {
      it(`happens for a create that was surely not: ${describeStep(step)}`, async () => {
        const { client, sent } = scripted([step, { status: 201 }]);
        assert.deepEqual(await client.call(CREATE), { id: "a" });
        assert.deepEqual(sent[1], sent[0]);
      });
    }

    // This fails before anything is created: the account of the key could not be read.
    it("happens for a create too when the server's database is away", async () => {
      const away = { code: "not_found", message: "Failed to retrieve user" };
      const { client, sent } = scripted([refusal(404, away), { status: 201 }]);
      assert.deepEqual(await client.call(CREATE), { id: "a" });
      assert.equal(sent.length, 2);
      const result = await scripted([refusal(404, away)]).client.attempt(CREATE);
      assert("error" in result);
      assert.equal(result.outcome.kind === "response" && result.outcome.isRefusal, true);
      assert.match(result.error.fix, /^run the command again/);
    });

    it("says what it waits for once that is longer than two seconds", async () => {
      const { client, notices } = scripted([
        { status: 503, body: "" },
        { status: 503, body: "" },
        { status: 503, headers: { "retry-after": "7" }, body: "" },
        {},
      ]);
      await client.call(READ);
      assert.deepEqual(notices, [
        `Waiting for the server: Flexprice answered 503: (an empty body) (GET ${BASE}/things). The request is repeated for up to 60 seconds.`,
      ]);
    });

    it("says nothing of short waits", async () => {
      const { client, notices } = scripted([{ status: 503, body: "" }, reset, {}]);
      await client.call(READ);
      assert.deepEqual(notices, []);
    });

    it("happens for no refusal", async () => {
      for (const status of [400, 401, 403, 404, 409, 422]) {
        const { client, sent } = scripted([{ status, body: "" }]);
        await assert.rejects(client.call(READ));
        assert.equal(sent.length, 1, String(status));
      }
    });

    it("happens for no mistake of our own", async () => {
      const mistake = new TypeError("a mistake");
      const { client, sent } = scripted([mistake]);
      await assert.rejects(client.call(READ), mistake);
      assert.equal(sent.length, 1);
    });
  });

  describe("kinds of failures", () => {
    const code = (value: string, message = "a message") => ({ code: value, message });
    const cases: [what: string, step: Step, read: ErrorKind, create: ErrorKind][] = [
      ["400", refusal(400, code("validation_error")), "invalid", "invalid"],
      [
        "400 about keys",
        refusal(400, code("validation_error", "Revoke all API keys before archiving")),
        "has_active_keys",
        "has_active_keys",
      ],
      ["401", refusal(401, { error: "Unauthorized" }), "unauthenticated", "unauthenticated"],
      ["403", refusal(403, { message: "insufficient permissions" }), "forbidden", "forbidden"],
      [
        "403 for the environment",
        refusal(403, { error: "Access denied", message: "Invalid or inaccessible environment" }),
        "wrong_environment",
        "wrong_environment",
      ],
      ["404 with its code", refusal(404, code("not_found")), "not_found", "not_found"],
      [
        "404 in plain text",
        refusal(404, "404 page not found"),
        "malformed_answer",
        "malformed_answer",
      ],
      [
        "404 of another shape",
        refusal(404, { error: "Role not found" }),
        "malformed_answer",
        "malformed_answer",
      ],
      [
        "404 of a database that is away",
        refusal(404, code("not_found", "Failed to retrieve user")),
        "server_error",
        "server_error",
      ],
      ["409", refusal(409, code("already_exists")), "conflict", "conflict"],
      ["422", refusal(422, ""), "invalid", "invalid"],
      ["429", refusal(429, ""), "throttled", "throttled"],
      ["301", refusal(301, ""), "malformed_answer", "malformed_answer"],
      ["408", refusal(408, ""), "server_error", "outcome_unknown"],
      ["500 without a body", refusal(500, ""), "server_error", "outcome_unknown"],
      ["500", refusal(500, code("database_error")), "server_error", "outcome_unknown"],
      ["503", refusal(503, ""), "server_error", "outcome_unknown"],
      ["a reset", reset, "server_error", "outcome_unknown"],
      ["a refused connection", refused, "unreachable", "unreachable"],
      ["an answer that is no JSON", { body: "<html>" }, "malformed_answer", "outcome_unknown"],
      ["an answer of another shape", { body: { nope: 1 } }, "malformed_answer", "outcome_unknown"],
      ["an empty answer", { body: "" }, "malformed_answer", "outcome_unknown"],
    ];
    const retry = ONCE;
    for (const [what, step, read, create] of cases) {
      it(`${what}: ${read}, for a create ${create}`, async () => {
        await failureOf(scripted([step], { retry }).client.call(READ), read);
        await failureOf(scripted([step], { retry }).client.call(CREATE), create);
      });
    }
  });

  describe("messages", () => {
    const once = (step: Step, kind: ErrorKind, who: Credential = CREDENTIAL) => {
      const retry = ONCE;
      return failureOf(scripted([step], { retry, credential: who }).client.call(READ), kind);
    };

    it("carry the server's words, code, status and details", async () => {
      const error = await once(
        refusal(400, {
          code: "validation_error",
          message: "Role 'a' does not exist",
          http_status_code: 400,
          details: { role: "a" },
        }),
        "invalid",
      );
      assert.equal(
        error.message,
        `Could not read the thing.\n  Reason: Flexprice answered 400 validation_error: Role 'a' does not exist {"role":"a"} (GET ${BASE}/things)\n  What to do: correct the program or the settings and run the command again.`,
      );
      assert.deepEqual([error.status, error.code], [400, "validation_error"]);
    });

    it("join the two parts of a refused environment", async () => {
      const body = { error: "Access denied", message: "Invalid or inaccessible environment" };
      const error = await once(refusal(403, body), "wrong_environment");
      assert.equal(
        error.reason,
        `Flexprice answered 403: Access denied: Invalid or inaccessible environment (GET ${BASE}/things)`,
      );
      assert.match(error.fix, /^set flexprice:environmentId \(or FLEXPRICE_ENVIRONMENT_ID\)/);
    });

    describe("of a redirect", () => {
      const redirected = (location?: string) =>
        once(
          { status: 308, body: "", ...(location === undefined ? {} : { headers: { location } }) },
          "malformed_answer",
        );

      it("say where it points, and what to set", async () => {
        const error = await redirected("https://new.example/api/v1/things?limit=5");
        assert.equal(
          error.message,
          `Could not read the thing.\n  Reason: Flexprice answered 308: it redirects to https://new.example/api/v1/things (GET ${BASE}/things)\n  What to do: set flexprice:baseUrl (or FLEXPRICE_BASE_URL) to https://new.example/api/v1: a redirect is not followed, since the credential goes to one host only.`,
        );
      });

      it("say so of one to a page to sign in, without what is in its query", async () => {
        for (const location of ["https://sso.example/login?state=hush", "/login?state=hush"]) {
          const { reason, fix, message } = await redirected(location);
          assert.match(reason, /it redirects to https:\/\/(?:sso|flexprice)\.example\/login \(/);
          assert.match(
            fix,
            /If it leads to a sign-in page, that page must let requests with an API key/,
          );
          assert(!message.includes("hush"));
        }
      });

      it("do not tell to set what is set", async () => {
        const { fix } = await redirected(`${BASE}/things?again`);
        assert.match(fix, /to the address of the API itself/);
      });

      it("tell nothing of a target that is not there", async () => {
        for (const location of [undefined, "http://"]) {
          const { reason } = await redirected(location);
          assert.equal(reason, `Flexprice answered 308: (an empty body) (GET ${BASE}/things)`);
        }
      });
    });

    it("name the scheme where the server wants TLS", async () => {
      for (const body of [
        "<h1>400</h1> The plain HTTP request was sent to HTTPS port",
        "Client sent an HTTP request to an HTTPS server.\n",
        "Reason: You're speaking plain HTTP to an SSL-enabled server port.",
      ]) {
        const { client } = scripted([{ status: 400, body }], {
          retry: ONCE,
          baseUrl: "http://flexprice.example:8443/v1",
        });
        const { fix } = await failureOf(client.call(READ), "invalid");
        assert.equal(
          fix,
          "the server speaks TLS at this port: set flexprice:baseUrl (or FLEXPRICE_BASE_URL) to https://flexprice.example:8443/v1.",
        );
      }
    });

    for (const [code, expected] of [
      [
        "ERR_TLS_CERT_ALTNAME_INVALID",
        "the certificate is for another name than flexprice.example: set flexprice:baseUrl (or FLEXPRICE_BASE_URL) to a name that it has. Nothing was sent.",
      ],
      [
        "CERT_HAS_EXPIRED",
        "the server's certificate is not valid today: check its dates and the clock of this machine. Nothing was sent.",
      ],
      [
        "CERT_NOT_YET_VALID",
        "the server's certificate is not valid today: check its dates and the clock of this machine. Nothing was sent.",
      ],
    ] as const) {
      it(`tell what is wrong with a certificate: ${code}`, async () => {
        const failure = new TransportFailure("no", "no", code);
        assert.equal((await once(failure, "unreachable")).fix, expected);
      });
    }

    it("do not ask for another credential where the tenant is suspended", async () => {
      const suspended = await once(
        refusal(403, { message: "tenant account is suspended" }),
        "forbidden",
      );
      assert.match(suspended.fix, /^the tenant is suspended, and no credential/);
      const other = await once(refusal(403, { message: "insufficient permissions" }), "forbidden");
      assert.match(other.fix, /^use a credential that may do this/);
    });

    it("say of a key from a server's own configuration that it needs an environment", async () => {
      const body = { error: "Access denied", message: "Invalid or inaccessible environment" };
      const ofKey = await once(refusal(403, body), "wrong_environment");
      assert.match(ofKey.fix, /tenant: an API key from a self-hosted server's own configuration/);
      const ofToken = await once(refusal(403, body), "wrong_environment", token("a-token"));
      assert.match(ofToken.fix, /tenant: access tokens need it\.$/);
    });

    it("hold nothing that a terminal would obey", async () => {
      const message = "no \x1b[2J\x07\u202e\nRole\u2028x";
      const { message: shown } = await once(refusal(400, { message }), "invalid");
      assert.match(shown, /400: no \\u\{1b\}\[2J\\u\{7\}\\u\{202e\}\\u\{a\}Role\\u\{2028\}x \(GET/);
      const page = await once({ status: 404, body: "\x1b]0;owned\x07\r\n" }, "malformed_answer");
      assert.match(page.reason, /404: \\u\{1b\}\]0;owned\\u\{7\}\\u\{d\}\\u\{a\} \(GET/);
    });

    it("show an answer that is not Flexprice's, cut to a length", async () => {
      const answers = [
        ["", "(an empty body)"],
        ["404 page not found", "404 page not found"],
        ["y".repeat(201), `${"y".repeat(200)}…`],
        ['{"unheard":"of"}', '{"unheard":"of"}'],
      ] as const;
      for (const [body, shown] of answers) {
        const error = await once(refusal(404, body), "malformed_answer");
        assert.equal(error.reason, `Flexprice answered 404: ${shown} (GET ${BASE}/things)`);
      }
    });

    it("say what an unreadable answer lacks", async () => {
      assert.equal(
        (await once({ body: { id: 7 } }, "malformed_answer")).reason,
        `GET ${BASE}/things answered 200, but the response does not have Flexprice's format: id: Invalid input: expected string, received number`,
      );
      assert.equal(
        (await once({ body: "<html>" }, "malformed_answer")).reason,
        `GET ${BASE}/things answered 200, but the response is not JSON: <html>`,
      );
    });

    it("say that nothing came, and why", async () => {
      assert.equal(
        (await once(reset, "server_error")).reason,
        `no response from GET ${BASE}/things: other side closed`,
      );
      assert.match((await once(refused, "unreachable")).fix, /^check flexprice:baseUrl/);
    });

    it("name where a rejected credential came from, never the credential", async () => {
      const who = credential("an-odd-secret", "environment variable FLEXPRICE_API_KEY");
      const error = await once(
        refusal(401, { error: "an-odd-secret is not accepted, nor is an%2Dodd-secret" }),
        "unauthenticated",
        who,
      );
      assert.equal(
        error.message,
        `Could not read the thing.\n  Reason: Flexprice answered 401: [redacted] is not accepted, nor is an%2Dodd-secret (GET ${BASE}/things)\n  What to do: check the credential from environment variable FLEXPRICE_API_KEY: it is unknown, expired or revoked there, or belongs to another server than ${BASE}. A server whose database is down responds like this too. refresh and destroy use the config of the last update: after changing a credential in the config run "pulumi up" first, or set the environment variable.`,
      );
    });

    it("hold no secret that the server repeats in a message, in details or in a page", async () => {
      const secret = 'odd "secret" of 20+/=';
      const who = credential(secret);
      const bodies = [
        { code: "validation_error", message: `no ${secret}`, details: { header: secret } },
        { error: encodeURIComponent(secret) },
        `<html>x-api-key: abc ${secret} sk_01M85FAKMEBXGA1EGXE598V40Z</html>`,
        JSON.stringify({ page: secret }),
      ];
      for (const body of bodies) {
        const error = await once(refusal(400, body), "invalid", who);
        const shown = `${error.message} ${error.stack} ${JSON.stringify(error)}`;
        for (const leak of ["secret", "20+", "FAKME", "abc"]) {
          assert(!shown.includes(leak), `${leak} in ${shown}`);
        }
      }
    });

    // Half of a secret is not recognised, so the page must be redacted before it is cut.
    it("hold no part of a secret that stands where an answer is cut", async () => {
      const who = credential("correct-horse-battery-staple");
      const body = `${"y".repeat(180)}${who.value}`;
      const error = await once(refusal(404, body), "malformed_answer", who);
      assert(!error.message.includes("correct-horse"), error.message);
    });
  });
});

function describeStep(step: Step): string {
  return step instanceof Error ? step.message : JSON.stringify(step);
}
