import { EXHAUSTIVE } from "./sample";

/** A part of a scenario. If it fails, the error's message begins with this title. */
export async function step(title: string, run: () => void | Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (error instanceof Error) setMessage(error, `In the step "${title}":\n${error.message}`);
    throw error;
  }
}

/** As {@link step}, for the nightly workflow only. */
export async function nightlyStep(title: string, run: () => void | Promise<void>): Promise<void> {
  if (EXHAUSTIVE) await step(title, run);
}

interface Closable {
  close(): Promise<void>;
}

/** Closes a fixture even if the test fails. If closing fails then too, the test's error mentions it. */
export async function withFixture<Fixture extends Closable>(
  opening: Promise<Fixture>,
  run: (fixture: Fixture) => Promise<void>,
): Promise<void> {
  const fixture = await opening;
  try {
    await run(fixture);
  } catch (error) {
    await fixture.close().catch((problem: unknown) => {
      if (!(error instanceof Error)) return;
      setMessage(error, `${error.message}\nClosing failed too: ${problem}`);
    });
    throw error;
  }
  await fixture.close();
}

/** Mocha prints a stack only if the message is in it. */
function setMessage(error: Error, message: string): void {
  const { message: before, stack } = error;
  error.message = message;
  if (stack !== undefined) error.stack = stack.replace(before, () => message);
}
