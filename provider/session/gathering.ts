/** How long a question waits for others to share its request, in milliseconds. */
const GATHER_MS = 4;

/**
 * Questions that come together and share a request. One that comes while the request is under way waits for the
 * next: no answer is older than its question.
 */
export class Gathering<Question, Answer> {
  private open: { readonly questions: Set<Question>; readonly answer: Promise<Answer> } | undefined;

  constructor(
    private readonly sleep: (ms: number) => Promise<void>,
    /** Asks the server all of them, each once. */
    private readonly send: (questions: readonly Question[]) => Promise<Answer>,
  ) {}

  /** The answer to this question and to those that came with it. */
  ask(question: Question): Promise<Answer> {
    if (this.open === undefined) {
      const questions = new Set<Question>();
      const answer = this.sleep(GATHER_MS).then(() => {
        this.open = undefined;
        return this.send([...questions]);
      });
      this.open = { questions, answer };
    }
    this.open.questions.add(question);
    return this.open.answer;
  }
}
