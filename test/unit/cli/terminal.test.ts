import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { canAsk, confirm, withProgress, writeParagraph } from "../../../provider/cli/terminal";
import { UnitFixture } from "../fixture";
import { CliFixture } from "./fixture";

describe("cli/terminal", () => {
  let fixture: UnitFixture;
  let context: CliFixture;
  beforeEach(async () => {
    fixture = await UnitFixture.start();
    context = new CliFixture(fixture);
  });
  afterEach(async () => {
    context.dispose();
    await fixture.stop();
  });

  describe("paragraphs", () => {
    const TEXT = "one two three four\nfive";

    it("are one line each where no terminal is", () => {
      writeParagraph(context.stdout, "mark ", TEXT);
      assert.equal(context.out, "mark one two three four\n     five\n");
    });

    it("fit the terminal, below each other", () => {
      context.onTerminal(14);
      writeParagraph(context.stdout, "mark ", TEXT);
      assert.equal(context.out, "mark one two\n     three\n     four\n     five\n");
    });

    it("leave a word whole that is too long", () => {
      context.onTerminal(10);
      writeParagraph(context.stdout, "- ", "a user_01M85F3VN6K63X2SZKSCVMP5X7 b");
      assert.equal(context.out, "- a\n  user_01M85F3VN6K63X2SZKSCVMP5X7\n  b\n");
    });

    it("are not broader than is pleasant to read", () => {
      context.onTerminal(300);
      writeParagraph(context.stdout, "", "word ".repeat(60).trim());
      assert.equal(Math.max(...context.out.split("\n").map((line) => line.length)), 99);
    });
  });

  describe("progress", () => {
    const step = () =>
      withProgress(context, async (show) => {
        show("first");
        show("a second step with a long name");
        return 7;
      });

    it("shows on a terminal, and leaves nothing behind", async () => {
      context.onTerminal(20);
      assert.equal(await step(), 7);
      const clear = "\r\u001b[K";
      assert.equal(context.err, `${clear}first${clear}a second step with ${clear}`);
      assert.equal(context.out, "");
    });

    it("shows nowhere else", async () => {
      assert.equal(await step(), 7);
      assert.equal(context.err, "");
    });

    it("is cleared when the step fails", async () => {
      context.onTerminal(80);
      await assert.rejects(
        withProgress(context, async () => {
          throw new Error("no");
        }),
        /no/,
      );
      assert.equal(context.err, "\r\u001b[K");
    });
  });

  describe("questions", () => {
    it("stop reading once answered, or standard input would keep the process alive", async () => {
      const stdin = new PassThrough();
      stdin.write("yes\n");
      assert.equal(await confirm({ ...context, stdin, stderr: context.stderr }, "Sure? "), true);
      assert.ok(stdin.isPaused());
    });

    it("can be asked where somebody types and reads", () => {
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
      it(`${JSON.stringify(typed)} is a ${expected ? "yes" : "no"}`, async () => {
        context.onTerminal(80, typed);
        assert.equal(await confirm(context, "Sure? "), expected);
        assert.equal(context.err, "Sure? ");
        assert.equal(context.out, "");
      });
    }
  });
});
