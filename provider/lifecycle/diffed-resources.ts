import { isUnknown } from "./unknowns";

/** A resource of the program, as its diff has shown it. */
export interface Diffed<Olds, News> {
  readonly id: string;
  readonly olds: Olds;
  /** Once a successor is due: what that is made of. */
  readonly news: News;
  /** Whether the diff asked for a replacement, or the engine has begun one of its own accord. */
  readonly isReplaced: boolean;
  /** Whether the diff has left it to the engine what becomes of changes, so that `replaceOnChanges` may have it replaced. */
  readonly isLeftToEngine?: boolean;
}

interface Entry<Olds, News> extends Diffed<Olds, News> {
  /** What its successor would be made of. */
  readonly texts: readonly string[];
  /** Whether a successor has been made. */
  readonly isClaimed?: boolean;
}

/**
 * The resources of the program that this process was asked to diff, and what it has made. The engine names no resource
 * to a dynamic provider: what a create replaces shows in its inputs. With `--replace`, and for what is tainted, it asks
 * for no diff at all.
 */
export class DiffedResources<Olds, News extends object> {
  private readonly byId = new Map<string, Entry<Olds, News>>();
  private readonly made = new Map<string, { readonly inputs: News; isSuccessor: boolean }>();
  private readonly deleted: Olds[] = [];
  private last: string | undefined;
  /** Inputs that the engine had checked, by whether they are the ones that it has already. */
  private readonly checked = { same: new Set<string>(), changed: new Set<string>() };

  note(diffed: Diffed<Olds, News>): void {
    this.byId.set(diffed.id, { ...diffed, texts: [textOf(diffed.news)] });
    this.last = diffed.id;
  }

  /**
   * To be called at each check. One without old inputs right after a diff is for the successor: `ignoreChanges` does
   * not apply to what that is made of.
   * @returns The resource that the engine replaces.
   */
  recheck(olds: object, news: News): Diffed<Olds, News> | undefined {
    this.checked[textOf(olds) === textOf(news) ? "same" : "changed"].add(textOf(news));
    const last = this.last === undefined ? undefined : this.byId.get(this.last);
    this.last = undefined;
    if (last === undefined || Object.keys(olds).length > 0) return undefined;
    const text = textOf(news);
    // Where the engine had nothing to decide, it is the first check of a new resource, whatever that looks like.
    const isSuccessor = last.isReplaced
      ? haveOnePrefix(last.news, news)
      : last.isLeftToEngine === true && last.texts.includes(text);
    if (!isSuccessor) return undefined;
    const replaced = { ...last, news, isReplaced: true, texts: [...last.texts, text] };
    this.byId.set(last.id, replaced);
    return replaced;
  }

  /** The engine updates it: what looked like its successor is a resource of its own. */
  noteUpdated(id: string): void {
    const entry = this.byId.get(id);
    if (entry === undefined) return;
    this.byId.set(id, { ...entry, isReplaced: false, isLeftToEngine: false });
  }

  /** Whether the engine itself sees that these inputs are not the ones that it has. */
  hasChangedInputs(news: News): boolean {
    const text = textOf(news);
    return this.checked.changed.has(text) && !this.checked.same.has(text);
  }

  get(id: string): Diffed<Olds, News> | undefined {
    return this.byId.get(id);
  }

  /** Whether the program keeps it as it is. */
  stays(id: string): boolean {
    return this.byId.get(id)?.isReplaced === false;
  }

  /** Whether it is a resource of the program: one that was diffed, or made in this run. */
  holds(id: string): boolean {
    return this.byId.has(id) || this.made.has(id);
  }

  /** Those whose successor would have these inputs. */
  withInputs(inputs: News): Diffed<Olds, News>[] {
    const wanted = textOf(inputs);
    return [...this.byId.values()].filter(({ texts }) => texts.includes(wanted));
  }

  /** The resource that is replaced by one with these inputs, once: the next of the same inputs replaces another. */
  claim(inputs: News): Diffed<Olds, News> | undefined {
    const wanted = textOf(inputs);
    const entry = [...this.byId.values()].find(
      ({ texts, isReplaced, isClaimed }) => isReplaced && !isClaimed && texts.includes(wanted),
    );
    if (entry !== undefined) this.byId.set(entry.id, { ...entry, isClaimed: true });
    return entry;
  }

  /** @param isSuccessor - Whether it is known what it replaces, if anything. */
  noteMade(id: string, inputs: News, isSuccessor: boolean): void {
    this.made.set(id, { inputs, isSuccessor });
  }

  /** The inputs with which this run has made it, or taken it over. */
  madeWith(id: string): News | undefined {
    return this.made.get(id)?.inputs;
  }

  /** Takes one of those for a successor that were made in this run without a diff, so that it counts for one only. */
  takeSuccessor(isLike: (inputs: News) => boolean): boolean {
    for (const made of this.made.values()) {
      if (made.isSuccessor || !isLike(made.inputs)) continue;
      made.isSuccessor = true;
      return true;
    }
    return false;
  }

  all(): Diffed<Olds, News>[] {
    return [...this.byId.values()];
  }

  /** The engine has had it deleted: no diff shows what the program has no more. */
  noteDeleted(olds: Olds): void {
    this.deleted.push(olds);
  }

  /** The states of all that this run has had to do with, what it has made left out. */
  states(): Olds[] {
    return [...this.all().map(({ olds }) => olds), ...this.deleted];
  }
}

/** Whether both may be inputs of one resource: its class hands the same prefix over each time. */
function haveOnePrefix(one: object, other: object): boolean {
  const [before, now] = [one, other].map((inputs) => Reflect.get(inputs, "namePrefix"));
  return before === now || isUnknown(before) || isUnknown(now);
}

function textOf(inputs: object): string {
  const given = Object.entries(inputs).filter(
    ([name, value]) => name !== "__provider" && value !== undefined && value !== null,
  );
  return JSON.stringify(given.sort(([one], [other]) => (one < other ? -1 : 1)));
}
