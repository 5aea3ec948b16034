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
  describe("requests", () => {
    it("have a method, a URL and an API key", async () => {
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

    it("can have an access token, an environment, a query and a JSON body", async () => {
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

    it("go to the same server and environment with another credential", async () => {
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

  it("accepts only 204 for a deletion", async () => {
    for (const response of [{ status: 200, body: "<html>Welcome</html>" }, { status: 202 }]) {
      const { client, sent } = scripted([response]);
      await assert.rejects(client.call(DELETE), { kind: "malformed_response" });
      assert(sent.length > 2);
    }
    const { client, sent } = scripted([
      { status: 200, body: "" },
      { status: 204, body: "" },
    ]);
    assert.equal(await client.call(DELETE), undefined);
    assert.equal(sent.length, 2);
  });

  it("ignores the body of a deletion's response", async () => {
    const { client } = scripted([{ status: 204, body: "" }]);
    assert.equal(await client.call(DELETE), undefined);
  });

  it("omits unknown properties of a response", async () => {
    const { client } = scripted([{ body: { id: "a", more: 1 } }]);
    assert.deepEqual(await client.call(READ), { id: "a" });
  });

  describe("the server's clock", () => {
    const date = (time: number) => ({ date: new Date(time).toUTCString() });

    it("is the local clock until the server has shown its own", () => {
      const { client, clock } = scripted([{}]);
      clock.now += 5;
      assert.equal(client.serverNow(), START + 5);
    });

    it("follows the newest Date header, also of errors, and advances between two", async () => {
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
      await failureOf(client.call(READ), "malformed_response");
      for (const _ of [1, 2, 3]) {
        assert.equal(client.serverNow(), START - 60_000);
        await client.call(READ);
      }
    });

    it("ignores a header more than two minutes from the local clock", async () => {
      for (const [ahead, isTrusted] of [
        [120_000, true],
        [121_000, false],
        [-120_000, true],
        [-121_000, false],
        [365 * 86_400_000, false],
      ] as const) {
        const { client } = scripted([{ headers: date(START + ahead) }]);
        await client.call(READ);
        assert.equal(client.serverNow() - START, isTrusted ? ahead : 0, String(ahead));
      }
    });

    it("takes the creation time of a new object, and then headers near that time", async () => {
      const { client, clock } = scripted([
        { headers: date(START + HOUR) },
        { headers: date(START + HOUR + 30_000) },
        { headers: date(START) },
      ]);
      await client.call(READ);
      client.observeCreation(START + HOUR + 5_000);
      assert.equal(client.serverNow(), START + HOUR + 5_000);
      await client.call(READ);
      assert.equal(client.serverNow(), START + HOUR + 30_000);
      await client.call(READ);
      assert.equal(
        client.serverNow(),
        START + HOUR + 30_000,
        "the local clock is not trusted any more",
      );
      clock.now += 7;
      assert.equal(client.serverNow(), START + HOUR + 30_007);
    });

    it("prefers a header near an object's creation time to that time", async () => {
      const { client } = scripted([{ headers: date(START + 60_000) }]);
      await client.call(READ);
      for (const createdAt of [START - 60_000, START + 180_000]) {
        client.observeCreation(createdAt);
        assert.equal(client.serverNow(), START + 60_000);
      }
      client.observeCreation(START - 60_001);
      assert.equal(client.serverNow(), START - 60_001);
    });

    it("ignores an object without a creation time", async () => {
      const { client } = scripted([{ headers: date(START + 60_000) }]);
      client.observeCreation(undefined);
      client.observeCreation(Number.NaN);
      assert.equal(client.serverNow(), START);
      await client.call(READ);
      assert.equal(client.serverNow(), START + 60_000);
    });

    it("has an earliest time, which even untrusted headers move back", () => {
      const clock = new ServerClock(() => START);
      assert.equal(clock.earliestNow(), START);
      clock.observeDateHeader(new Date(START - 900_000).toUTCString());
      clock.observeDateHeader("soon");
      clock.observeDateHeader(undefined);
      assert.deepEqual([clock.now(), clock.earliestNow()], [START, START - 900_000]);
      clock.observeDateHeader(new Date(START + 900_000).toUTCString());
      assert.equal(clock.earliestNow(), START);
    });

    it("is shared by all credentials of a server", async () => {
      const { client } = scripted([{ headers: date(START + 60_000) }]);
      await client.as(token("another-token")).call(READ);
      assert.equal(client.serverNow(), START + 60_000);
      client.as(token("another-token")).observeCreation(START + HOUR);
      assert.equal(client.serverNow(), START + HOUR);
    });
  });

  describe("attempt", () => {
    const attempt = (step: Step, call = CREATE) => scripted([step]).client.attempt(call);
    const outcomeOf = async (step: Step, call = CREATE) => {
      const result = await attempt(step, call);
      assert("outcome" in result);
      return result.outcome;
    };

    it("returns the value of a valid response", async () => {
      assert.deepEqual(await attempt({ status: 201 }), { value: { id: "a" } });
    });

    it("sends one request, whatever its outcome", async () => {
      for (const step of [reset, refused, { status: 429 }, { status: 500 }, { body: "<html>" }]) {
        for (const call of [CREATE, READ]) {
          const { client, sent, pauses } = scripted([step]);
          await client.attempt(call);
          assert.deepEqual([sent.length, pauses], [1, []]);
        }
      }
    });

    it("reports what it waits for if the server responds slowly", async () => {
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

    it("returns the outcome, and the same error as a call", async () => {
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
        const call = scripted([step], { retry: ONCE }).client.call(CREATE);
        await assert.rejects(call, (error) => {
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
      it(`${isRefusal ? "counts" : "does not count"} as rejected after a ${status} in Flexprice's format`, async () => {
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

    it("does not count as rejected after a 4xx in another format", async () => {
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

    it("throws a bug", async () => {
      const bug = new TypeError("a bug");
      await assert.rejects(attempt(bug), bug);
    });
  });

  describe("retries", () => {
    it("stop at the first valid response", async () => {
      const { client, sent, pauses } = scripted([
        reset,
        { status: 503, headers: { "retry-after": "7" }, body: "" },
        { body: "<html>" },
        { body: { id: "b" } },
      ]);
      assert.deepEqual(await client.call(READ), { id: "b" });
      assert.deepEqual({ sent: sent.length, pauses }, { sent: 4, pauses: [188, 7_000, 750] });
    });

    it("stop with the last failure", async () => {
      const { client, sent, pauses, clock } = scripted([{ status: 502, body: "" }]);
      await failureOf(client.call(DELETE), "server_error");
      assert.deepEqual(pauses.slice(0, 7), [188, 375, 750, 1_500, 3_000, 6_000, 6_000]);
      assert.equal(sent.length, pauses.length + 1);
      assert(clock.now - START > 50_000 && clock.now - START <= 60_000);
    });

    it("stop before the total time is over", async () => {
      const { client, sent, clock } = scripted([
        { status: 503, headers: { "retry-after": "25" }, body: "" },
      ]);
      await failureOf(client.call(READ), "server_error");
      assert.equal(sent.length, 3);
      assert.equal(clock.now - START, 50_000);
    });

    it("keep to the given limits", async () => {
      const retry = { ...ONCE, maxAttempts: 2, maxElapsedMs: 1_000, baseDelayMs: 10 };
      const { client, pauses } = scripted([{ status: 502, body: "" }], { retry });
      await failureOf(client.call(READ), "server_error");
      assert.deepEqual(pauses, [0]);
    });

    for (const step of [reset, { status: 500, body: "" }, { status: 504 }, { body: "<html>" }]) {
      it(`do not repeat a create that may have been received: ${describeStep(step)}`, async () => {
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
      it(`repeat a create that was not sent or not accepted: ${describeStep(step)}`, async () => {
        const { client, sent } = scripted([step, { status: 201 }]);
        assert.deepEqual(await client.call(CREATE), { id: "a" });
        assert.deepEqual(sent[1], sent[0]);
      });
    }

    // This fails before anything is created: the account of the key could not be read.
    it("repeat a create if the server's database is down", async () => {
      const outage = { code: "not_found", message: "Failed to retrieve user" };
      const { client, sent } = scripted([refusal(404, outage), { status: 201 }]);
      assert.deepEqual(await client.call(CREATE), { id: "a" });
      assert.equal(sent.length, 2);
      const result = await scripted([refusal(404, outage)]).client.attempt(CREATE);
      assert("error" in result);
      assert.equal(result.outcome.kind === "response" && result.outcome.isRefusal, true);
      assert.match(result.error.fix, /^run the command again/);
    });

    it("report a wait of more than two seconds", async () => {
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

    it("do not report short waits", async () => {
      const { client, notices } = scripted([{ status: 503, body: "" }, reset, {}]);
      await client.call(READ);
      assert.deepEqual(notices, []);
    });

    it("do not repeat a rejected request", async () => {
      for (const status of [400, 401, 403, 404, 409, 422]) {
        const { client, sent } = scripted([{ status, body: "" }]);
        await assert.rejects(client.call(READ));
        assert.equal(sent.length, 1, String(status));
      }
    });

    it("do not repeat after a bug", async () => {
      const bug = new TypeError("a bug");
      const { client, sent } = scripted([bug]);
      await assert.rejects(client.call(READ), bug);
      assert.equal(sent.length, 1);
    });
  });

  describe("the kind of an error", () => {
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
        "malformed_response",
        "malformed_response",
      ],
      [
        "404 of another shape",
        refusal(404, { error: "Role not found" }),
        "malformed_response",
        "malformed_response",
      ],
      [
        "404 of a database outage",
        refusal(404, code("not_found", "Failed to retrieve user")),
        "server_error",
        "server_error",
      ],
      ["409", refusal(409, code("already_exists")), "conflict", "conflict"],
      ["422", refusal(422, ""), "invalid", "invalid"],
      ["429", refusal(429, ""), "throttled", "throttled"],
      ["301", refusal(301, ""), "malformed_response", "malformed_response"],
      ["408", refusal(408, ""), "server_error", "outcome_unknown"],
      ["500 without a body", refusal(500, ""), "server_error", "outcome_unknown"],
      ["500", refusal(500, code("database_error")), "server_error", "outcome_unknown"],
      ["503", refusal(503, ""), "server_error", "outcome_unknown"],
      ["a reset", reset, "server_error", "outcome_unknown"],
      ["a refused connection", refused, "unreachable", "unreachable"],
      ["a response that is not JSON", { body: "<html>" }, "malformed_response", "outcome_unknown"],
      [
        "a response of another shape",
        { body: { nope: 1 } },
        "malformed_response",
        "outcome_unknown",
      ],
      ["an empty response", { body: "" }, "malformed_response", "outcome_unknown"],
    ];
    for (const [what, step, read, create] of cases) {
      it(`is ${read} for ${what}, and ${create} for a create`, async () => {
        await failureOf(scripted([step], { retry: ONCE }).client.call(READ), read);
        await failureOf(scripted([step], { retry: ONCE }).client.call(CREATE), create);
      });
    }
  });

  describe("the message of an error", () => {
    /** The error of a read, of which the server's only response is this. */
    const errorOf = (step: Step, kind: ErrorKind, by: Credential = CREDENTIAL) => {
      const { client } = scripted([step], { retry: ONCE, credential: by });
      return failureOf(client.call(READ), kind);
    };

    it("shows the server's message, code, status and details", async () => {
      const error = await errorOf(
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

    it("joins both parts of a rejected environment", async () => {
      const body = { error: "Access denied", message: "Invalid or inaccessible environment" };
      const error = await errorOf(refusal(403, body), "wrong_environment");
      assert.equal(
        error.reason,
        `Flexprice answered 403: Access denied: Invalid or inaccessible environment (GET ${BASE}/things)`,
      );
      assert.match(error.fix, /^set flexprice:environmentId \(or FLEXPRICE_ENVIRONMENT_ID\)/);
    });

    describe("after a redirect", () => {
      const redirected = (location?: string) =>
        errorOf(
          { status: 308, body: "", ...(location === undefined ? {} : { headers: { location } }) },
          "malformed_response",
        );

      it("shows the target, and what to set", async () => {
        const error = await redirected("https://new.example/api/v1/things?limit=5");
        assert.equal(
          error.message,
          `Could not read the thing.\n  Reason: Flexprice answered 308: it redirects to https://new.example/api/v1/things (GET ${BASE}/things)\n  What to do: set flexprice:baseUrl (or FLEXPRICE_BASE_URL) to https://new.example/api/v1: a redirect is not followed, since the credential goes to one host only.`,
        );
      });

      it("shows a sign-in page without its query", async () => {
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

      it("does not suggest the base URL that is already set", async () => {
        const { fix } = await redirected(`${BASE}/things?again`);
        assert.match(fix, /to the address of the API itself/);
      });

      it("shows no target if there is none", async () => {
        for (const location of [undefined, "http://"]) {
          const { reason } = await redirected(location);
          assert.equal(reason, `Flexprice answered 308: (an empty body) (GET ${BASE}/things)`);
        }
      });
    });

    it("suggests https if the server requires TLS", async () => {
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
      it(`explains what is wrong with a certificate: ${code}`, async () => {
        const failure = new TransportFailure("no", "no", code);
        assert.equal((await errorOf(failure, "unreachable")).fix, expected);
      });
    }

    it("does not suggest another credential if the tenant is suspended", async () => {
      const suspended = await errorOf(
        refusal(403, { message: "tenant account is suspended" }),
        "forbidden",
      );
      assert.match(suspended.fix, /^the tenant is suspended, and no credential/);
      const other = await errorOf(
        refusal(403, { message: "insufficient permissions" }),
        "forbidden",
      );
      assert.match(other.fix, /^use a credential that may do this/);
    });

    it("explains that a key from a server's own configuration needs an environment", async () => {
      const body = { error: "Access denied", message: "Invalid or inaccessible environment" };
      const ofKey = await errorOf(refusal(403, body), "wrong_environment");
      assert.match(ofKey.fix, /tenant: an API key from a self-hosted server's own configuration/);
      const ofToken = await errorOf(refusal(403, body), "wrong_environment", token("a-token"));
      assert.match(ofToken.fix, /tenant: access tokens need it\.$/);
    });

    it("escapes control characters", async () => {
      const message = "no \x1b[2J\x07\u202e\nRole\u2028x";
      const { message: escaped } = await errorOf(refusal(400, { message }), "invalid");
      assert.match(
        escaped,
        /400: no \\u\{1b\}\[2J\\u\{7\}\\u\{202e\}\\u\{a\}Role\\u\{2028\}x \(GET/,
      );
      const page = await errorOf(
        { status: 404, body: "\x1b]0;owned\x07\r\n" },
        "malformed_response",
      );
      assert.match(page.reason, /404: \\u\{1b\}\]0;owned\\u\{7\}\\u\{d\}\\u\{a\} \(GET/);
    });

    it("shows the start of a response that is not in Flexprice's format", async () => {
      const bodies = [
        ["", "(an empty body)"],
        ["404 page not found", "404 page not found"],
        ["y".repeat(201), `${"y".repeat(200)}…`],
        ['{"unheard":"of"}', '{"unheard":"of"}'],
      ] as const;
      for (const [body, shown] of bodies) {
        const error = await errorOf(refusal(404, body), "malformed_response");
        assert.equal(error.reason, `Flexprice answered 404: ${shown} (GET ${BASE}/things)`);
      }
    });

    it("shows what is wrong with an unreadable response", async () => {
      assert.equal(
        (await errorOf({ body: { id: 7 } }, "malformed_response")).reason,
        `GET ${BASE}/things answered 200, but the response does not have Flexprice's format: id: Invalid input: expected string, received number`,
      );
      assert.equal(
        (await errorOf({ body: "<html>" }, "malformed_response")).reason,
        `GET ${BASE}/things answered 200, but the response is not JSON: <html>`,
      );
    });

    it("shows why no response came", async () => {
      assert.equal(
        (await errorOf(reset, "server_error")).reason,
        `no response from GET ${BASE}/things: other side closed`,
      );
      assert.match((await errorOf(refused, "unreachable")).fix, /^check flexprice:baseUrl/);
    });

    it("names the source of a rejected credential, never the credential", async () => {
      const rejected = credential("an-odd-secret", "environment variable FLEXPRICE_API_KEY");
      const error = await errorOf(
        refusal(401, { error: "an-odd-secret is not accepted, nor is an%2Dodd-secret" }),
        "unauthenticated",
        rejected,
      );
      assert.equal(
        error.message,
        `Could not read the thing.\n  Reason: Flexprice answered 401: [redacted] is not accepted, nor is an%2Dodd-secret (GET ${BASE}/things)\n  What to do: check the credential from environment variable FLEXPRICE_API_KEY: it is unknown, expired or revoked there, or belongs to another server than ${BASE}. A server whose database is down responds like this too. refresh and destroy use the config of the last update: after changing a credential in the config run "pulumi up" first, or set the environment variable.`,
      );
    });

    it("redacts secrets that the server repeats in a message, in details or in a page", async () => {
      const secret = 'odd "secret" of 20+/=';
      const rejected = credential(secret);
      const bodies = [
        { code: "validation_error", message: `no ${secret}`, details: { header: secret } },
        { error: encodeURIComponent(secret) },
        `<html>x-api-key: abc ${secret} sk_01M85FAKMEBXGA1EGXE598V40Z</html>`,
        JSON.stringify({ page: secret }),
      ];
      for (const body of bodies) {
        const error = await errorOf(refusal(400, body), "invalid", rejected);
        const shown = `${error.message} ${error.stack} ${JSON.stringify(error)}`;
        for (const leak of ["secret", "20+", "FAKME", "abc"]) {
          assert(!shown.includes(leak), `${leak} in ${shown}`);
        }
      }
    });

    // Half of a secret is not recognized, so the page must be redacted before it is cut.
    it("redacts a secret that stands where a response is cut", async () => {
      const rejected = credential("correct-horse-battery-staple");
      const body = `${"y".repeat(180)}${rejected.value}`;
      const error = await errorOf(refusal(404, body), "malformed_response", rejected);
      assert(!error.message.includes("correct-horse"), error.message);
    });
  });
});

function describeStep(step: Step): string {
  return step instanceof Error ? step.message : JSON.stringify(step);
}
