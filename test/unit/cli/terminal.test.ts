import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import {
  canAsk,
  confirm,
  copyable,
  withProgress,
  writeJson,
  writeParagraph,
} from "../../../provider/cli/terminal";
import { CliFixture } from "./fixture";

describe("cli/terminal", () => {
  const context = CliFixture.forEachTest();

  describe("writeJson", () => {
    const written = (value: unknown) => {
      writeJson(context.stdout, value);
      return context.out;
    };

    it("writes valid JSON whatever it redacts", () => {
      const names = ['x-api-key=a"b', "authorization: x\\", 'https://me:a"b@host/'];
      const parsed = JSON.parse(written({ names }));
      assert.deepEqual(parsed, {
        names: ['x-api-key=[redacted]"b', "authorization: [redacted]", "https://[redacted]@host/"],
      });
    });

    it("escapes control characters, and keeps all others", () => {
      const value = [
        "a\u009b31m\u007f",
        "\u202eb\u2028",
        "c\u{e0041}",
        "ünïcode 監視",
        "d\n\u001b",
      ];
      const text = written(value);
      assert.doesNotMatch(text.replaceAll("\n", ""), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
      assert.deepEqual(JSON.parse(text), value);
      assert(text.includes("ünïcode 監視"));
    });
  });

  describe("writeParagraph", () => {
    const TEXT = "one two three four\nfive";

    it("writes one line per paragraph without a terminal", () => {
      writeParagraph(context.stdout, "mark ", TEXT);
      assert.equal(context.out, "mark one two three four\n     five\n");
    });

    it("wraps to the terminal, and indents the lines", () => {
      context.onTerminal(14);
      writeParagraph(context.stdout, "mark ", TEXT);
      assert.equal(context.out, "mark one two\n     three\n     four\n     five\n");
    });

    it("does not cut a word that is too long", () => {
      context.onTerminal(10);
      writeParagraph(context.stdout, "- ", "a user_01M85F3VN6K63X2SZKSCVMP5X7 b");
      assert.equal(context.out, "- a\n  user_01M85F3VN6K63X2SZKSCVMP5X7\n  b\n");
    });

    it("does not wrap on a terminal of unknown width", () => {
      context.onTerminal(0);
      writeParagraph(context.stdout, "mark ", "one two");
      assert.equal(context.out, "mark one two\n");
      assert.equal(copyable(context.stdout, "pulumi up"), "  pulumi up");
    });

    it("writes no more than 100 columns, for legibility", () => {
      context.onTerminal(300);
      writeParagraph(context.stdout, "", "word ".repeat(60).trim());
      assert.equal(Math.max(...context.out.split("\n").map((line) => line.length)), 99);
    });
  });

  describe("copyable", () => {
    const COMMAND = "pulumi config set --secret flexprice:apiKey value";

    it("keeps a command on one line if it fits or without a terminal", () => {
      assert.equal(copyable(context.stdout, COMMAND), `  ${COMMAND}`);
      context.onTerminal(COMMAND.length + 2);
      assert.equal(copyable(context.stdout, COMMAND), `  ${COMMAND}`);
    });

    it("wraps a command into lines that a shell joins, and keeps options with their values", () => {
      context.onTerminal(36);
      const text = copyable(context.stdout, COMMAND);
      const lines = ["  pulumi config set \\", "    --secret flexprice:apiKey \\", "    value"];
      assert.deepEqual(text.split("\n"), lines);
    });
  });

  describe("withProgress", () => {
    const showSteps = () =>
      withProgress(context, async (show) => {
        show("first");
        show("a second step with a long name");
        return 7;
      });

    const clear = "\r\u001b[K";

    it("shows the steps of slow work on a terminal, and clears them", async () => {
      context.onTerminal(20);
      context.isSlow = true;
      assert.equal(await showSteps(), 7);
      assert.equal(context.err, `${clear}${clear}first${clear}a second step with ${clear}`);
      assert.equal(context.out, "");
    });

    it("shows nothing for fast work", async () => {
      context.onTerminal(80);
      assert.equal(await showSteps(), 7);
      assert.equal(context.err, "");
    });

    it("starts after two seconds, with the current step", async () => {
      context.onTerminal(80);
      const scheduled = new Map<() => void, number>();
      const schedule = (ms: number, run: () => void) => {
        scheduled.set(run, ms);
        return () => scheduled.delete(run);
      };
      await withProgress({ ...context, stderr: context.stderr, schedule }, async (show) => {
        show("first");
        show("second");
        assert.deepEqual([...scheduled.values()], [2_000]);
        for (const run of scheduled.keys()) run();
        assert.equal(context.err, `${clear}second`);
        show("third");
      });
      assert.equal(context.err, `${clear}third${clear}`);
      assert.equal(scheduled.size, 0, "nothing keeps the process alive");
    });

    it("shows nothing without a terminal", async () => {
      context.isSlow = true;
      assert.equal(await showSteps(), 7);
      assert.equal(context.err, "");
    });

    it("clears the step when it fails", async () => {
      context.onTerminal(80);
      context.isSlow = true;
      await assert.rejects(
        withProgress(context, async () => {
          throw new Error("no");
        }),
        /no/,
      );
      assert.equal(context.err, `${clear}${clear}`);
    });
  });

  describe("confirm", () => {
    it("stops reading after the answer, so that the process can end", async () => {
      const stdin = new PassThrough();
      stdin.write("yes\n");
      assert.equal(await confirm({ ...context, stdin, stderr: context.stderr }, "Sure? "), true);
      assert.ok(stdin.isPaused());
    });

    it("needs a terminal for input and for output", () => {
      assert.equal(canAsk(context), false);
      Object.assign(context.stdin, { isTTY: true });
      assert.equal(canAsk(context), false);
      Object.assign(context.stderr, { isTTY: true });
      assert.equal(canAsk(context), true);
    });

    const answers: [string, boolean][] = [
      ["yes\n", true],
      [" YES \r\n", true],
      ["y\n", false],
      ["no\nyes\n", false],
      ["\n", false],
      ["", false],
    ];
    for (const [typed, expected] of answers) {
      it(`takes ${JSON.stringify(typed)} as ${expected ? "yes" : "no"}`, async () => {
        context.onTerminal(80, typed);
        assert.equal(await confirm(context, "Sure? "), expected);
        assert.equal(context.err, "Sure? ");
        assert.equal(context.out, "");
      });
    }
  });
});
