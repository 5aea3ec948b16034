import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { canAsk, confirm, withProgress, writeParagraph } from "../../../provider/cli/terminal";
import { UnitFixture } from "../fixture";
import { CliFixture } from "./fixture";

describe("cli/terminal", () => {
  let fixture: UnitFixture;
  let shell: CliFixture;
  beforeEach(async () => {
    fixture = await UnitFixture.start();
    shell = new CliFixture(fixture);
  });
  afterEach(async () => {
    shell.dispose();
    await fixture.stop();
  });

  describe("paragraphs", () => {
    const TEXT = "one two three four\nfive";

    it("are one line each where no terminal is", () => {
      writeParagraph(shell.stdout, "mark ", TEXT);
      assert.equal(shell.out, "mark one two three four\n     five\n");
    });

    it("fit the terminal, below each other", () => {
      shell.onTerminal(14);
      writeParagraph(shell.stdout, "mark ", TEXT);
      assert.equal(shell.out, "mark one two\n     three\n     four\n     five\n");
    });

    it("leave a word whole that is too long", () => {
      shell.onTerminal(10);
      writeParagraph(shell.stdout, "- ", "a user_01M85F3VN6K63X2SZKSCVMP5X7 b");
      assert.equal(shell.out, "- a\n  user_01M85F3VN6K63X2SZKSCVMP5X7\n  b\n");
    });

    it("are not broader than is pleasant to read", () => {
      shell.onTerminal(300);
      writeParagraph(shell.stdout, "", "word ".repeat(60).trim());
      assert.equal(Math.max(...shell.out.split("\n").map((line) => line.length)), 99);
    });
  });

  describe("progress", () => {
    const step = () =>
      withProgress(shell, async (show) => {
        show("first");
        show("a second step with a long name");
        return 7;
      });

    it("shows on a terminal, and leaves nothing behind", async () => {
      shell.onTerminal(20);
      assert.equal(await step(), 7);
      const clear = "\r\u001b[K";
      assert.equal(shell.err, `${clear}first${clear}a second step with ${clear}`);
      assert.equal(shell.out, "");
    });

    it("shows nowhere else", async () => {
      assert.equal(await step(), 7);
      assert.equal(shell.err, "");
    });

    it("is cleared when the step fails", async () => {
      shell.onTerminal(80);
      await assert.rejects(
        withProgress(shell, async () => {
          throw new Error("no");
        }),
        /no/,
      );
      assert.equal(shell.err, "\r\u001b[K");
    });
  });

  describe("questions", () => {
    it("stop reading once answered, or standard input would keep the process alive", async () => {
      const stdin = new PassThrough();
      stdin.write("yes\n");
      assert.equal(await confirm({ ...shell, stdin, stderr: shell.stderr }, "Sure? "), true);
      assert.ok(stdin.isPaused());
    });

    it("can be asked where somebody types and reads", () => {
      assert.equal(canAsk(shell), false);
      Object.assign(shell.stdin, { isTTY: true });
      assert.equal(canAsk(shell), false);
      Object.assign(shell.stderr, { isTTY: true });
      assert.equal(canAsk(shell), true);
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
        shell.onTerminal(80, typed);
        assert.equal(await confirm(shell, "Sure? "), expected);
        assert.equal(shell.err, "Sure? ");
        assert.equal(shell.out, "");
      });
    }
  });
});
