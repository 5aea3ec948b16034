import assert from "node:assert/strict";
import {
  escapeControl,
  escapeControlByLine,
  quoted,
  redact,
  rememberSecret,
} from "../../../provider/shared/redaction";

const JWT = "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyX2lkIjoidXNlcl8xIn0.c2lnbmF0dXJl";
const KEY = "sk_01M85FAKMEBXGA1EGXE598V40Z";

describe("shared/redaction", () => {
  describe("redacts what looks like a credential:", () => {
    const cases: Record<string, [text: string, redacted: string]> = {
      "a private key": [`key ${KEY}.`, "key [redacted]."],
      "a publishable key": ["pk_01M85FAKMEBXGA1EGXE598V40Z", "[redacted]"],
      "a key inside JSON": [`{"api_key":"${KEY}"}`, '{"api_key":"[redacted]"}'],
      "a key in a URL": [`https://x.io/v1/k/${KEY}?a=1`, "https://x.io/v1/k/[redacted]?a=1"],
      "a token": [`token ${JWT}!`, "token [redacted]!"],
      "a token without its signature": ["eyJhbGciOiJIUzI1NiJ9.eyJ1c2Vy", "[redacted]"],
      "a bearer header": ["Bearer abc.def-123", "[redacted]"],
      "a bearer header in small letters": [
        "authorization: bearer abcdef",
        "authorization: [redacted]",
      ],
      "basic authentication": ["Basic dXNlcjpwYXNz", "[redacted]"],
      "x-api-key as a header": ["x-api-key: opensesame", "x-api-key: [redacted]"],
      "X-API-KEY in JSON": ['{"X-API-KEY":"opensesame"}', '{"X-API-KEY":"[redacted]"}'],
      "x-api-key in a query": ["?x-api-key=opensesame", "?x-api-key=[redacted]"],
      "a user in a URL": ["https://jo:pass@x.io/v1", "https://[redacted]@x.io/v1"],
      "several at once": [
        `${KEY} and ${KEY} and ${JWT}`,
        "[redacted] and [redacted] and [redacted]",
      ],
    };
    for (const [what, [text, redacted]] of Object.entries(cases)) {
      it(what, () => assert.equal(redact(text), redacted));
    }
  });

  describe("keeps what does not look like a credential:", () => {
    const texts = [
      "sk_01***NP",
      "secret_01M85FAKMEBXGA1EGXE598V40Z",
      "user_01M85F3VN6K63X2SZKSCVMP5X7",
      "tenant_01M85F3VN6K63X2SZKSCVMP5X7",
      "a task_manager_service",
      "https://us.api.flexprice.io/v1/users/me",
      "at 08:00:00, to jo@example.com",
      "config key flexprice:apiKey",
      "",
    ];
    for (const text of texts) {
      it(JSON.stringify(text), () => assert.equal(redact(text), text));
    }
  });

  describe("redacts remembered secrets", () => {
    it("at each occurrence", () => {
      rememberSecret("open sesame");
      assert.equal(redact("<open sesame|open sesame>"), "<[redacted]|[redacted]>");
    });

    it("in URL-encoded form", () => {
      rememberSecret("a+b/c=d&e");
      assert.equal(redact("?key=a%2Bb%2Fc%3Dd%26e&x=1"), "?key=[redacted]&x=1");
    });

    it("in JSON's escaped form", () => {
      rememberSecret('quo"te\\and\nbreak');
      assert.equal(
        redact(JSON.stringify({ text: 'it was quo"te\\and\nbreak!' })),
        '{"text":"it was [redacted]!"}',
      );
    });

    it("longest first, so that nothing remains of one that contains another", () => {
      rememberSecret("tomato");
      rememberSecret("tomatoes-and-basil");
      assert.equal(redact("tomatoes-and-basil, tomato"), "[redacted], [redacted]");
    });

    it("with special characters of patterns and replacements", () => {
      rememberSecret("$&.*(x)[y]");
      assert.equal(redact("<$&.*(x)[y]>"), "<[redacted]>");
    });

    it("unless they are too short for a credential", () => {
      rememberSecret("roles");
      rememberSecret("");
      rememberSecret(undefined);
      assert.equal(redact("roles undefined"), "roles undefined");
    });

    it("of at least six characters", () => {
      rememberSecret("zebra1");
      assert.equal(redact("a zebra1"), "a [redacted]");
    });
  });

  it("keeps names that only begin like a publishable key", () => {
    for (const text of ["pk_backend-service", "pk_01M85FAKMEBXGA1EGXE598V40", "pk_old"]) {
      assert.equal(redact(text), text);
    }
  });

  describe("escapes control characters", () => {
    it("only: letters, accents, emoji and signs stay", () => {
      const text = "grüße, Ελλάδα, שלום, 日本, e\u0301, 🎉, <a> & 'b'";
      assert.equal(escapeControl(text), text);
      assert.equal(escapeControl(escapeControl("\x1b")), "\\u{1b}");
    });

    it("including line breaks, unless line by line", () => {
      assert.equal(escapeControl("a\nb\x1b"), "a\\u{a}b\\u{1b}");
      assert.equal(escapeControlByLine("a\nb\x1b\r\n"), "a\nb\\u{1b}\\u{d}\n");
    });

    it("in a quoted text for a program", () => {
      assert.equal(quoted('a"\x1b\u202e\n'), '"a\\"\\u001b\\u{202e}\\n"');
    });
  });
});
