import { KeptIds } from "../session/kept-ids";
import { isUnknown } from "../shared/unknowns";

/** Distinguishes what a rotation leaves to its expiry from what the program keeps. */
const LEFT = "left:";

/** A resource of the program, as the engine showed it for its diff. */
export interface Diffed<Olds, News> {
  readonly id: string;
  readonly urn?: string | undefined;
  readonly olds: Olds;
  /** The inputs of its successor, once a replacement is due. */
  readonly news: News;
  /** Whether the diff asked for a replacement, or the engine has begun one by itself. */
  readonly isReplaced: boolean;
  /** Whether the diff left the decision on changes to the engine, so that `replaceOnChanges` may replace it. */
  readonly isLeftToEngine?: boolean;
}

interface Entry<Olds, News> extends Diffed<Olds, News> {
  /** The inputs that its successor would have. */
  readonly texts: readonly string[];
  /** Whether its successor has been created. */
  readonly hasSuccessor?: boolean;
}

/**
 * The resources that this process was asked to diff, and those it has created. The engine does not tell a dynamic
 * provider which resource it is working on: only the inputs of a create show what it replaces. With `--replace`, and
 * for tainted resources, the engine does not ask for a diff at all.
 */
export class DiffedResources<Olds, News extends object> {
  private readonly byId = new Map<string, Entry<Olds, News>>();
  private readonly created = new Map<string, { readonly inputs: News; isSuccessor: boolean }>();
  private readonly deleted: Olds[] = [];
  private last: string | undefined;
  /** Inputs that the engine had checked, by whether they equal the old inputs. */
  private readonly checked = { same: new Set<string>(), changed: new Set<string>() };

  private readonly reportsDrift: boolean;
  private readonly kept: KeptIds;

  /**
   * @param options.reportsDrift - Whether the engine also learns of differences that are not in the inputs.
   * @param options.kept - Tells the other processes of the run what the program keeps.
   */
  constructor({ reportsDrift = false, kept = new KeptIds() } = {}) {
    this.reportsDrift = reportsDrift;
    this.kept = kept;
  }

  /** @returns The URN of another resource of the program that has the object, too. */
  record(diffed: Diffed<Olds, News>): string | undefined {
    const other = this.byId.get(diffed.id)?.urn;
    this.byId.set(diffed.id, { ...diffed, texts: [textOf(diffed.news)] });
    this.kept.mark(diffed.id, !diffed.isReplaced);
    this.last = diffed.id;
    return other === diffed.urn ? undefined : other;
  }

  /**
   * Call this for each check. A check without old inputs right after a diff is the check of the successor, to whose
   * inputs `ignoreChanges` does not apply.
   * @returns The resource that the engine replaces.
   */
  recheck(olds: object, news: News): Diffed<Olds, News> | undefined {
    this.checked[textOf(olds) === textOf(news) ? "same" : "changed"].add(textOf(news));
    const last = this.last === undefined ? undefined : this.byId.get(this.last);
    this.last = undefined;
    if (last === undefined || Object.keys(olds).length > 0) return undefined;
    const text = textOf(news);
    // If the engine had nothing to decide, this is the first check of a new resource, even if the inputs are the same.
    const isSuccessor = last.isReplaced
      ? haveOnePrefix(last.news, news)
      : last.isLeftToEngine === true && last.texts.includes(text);
    if (!isSuccessor) return undefined;
    const replaced = { ...last, news, isReplaced: true, texts: [...last.texts, text] };
    this.byId.set(last.id, replaced);
    this.kept.mark(last.id, false);
    return replaced;
  }

  /** The engine updates the resource: what looked like its successor is another resource. */
  recordUpdated(id: string): void {
    const entry = this.byId.get(id);
    if (entry === undefined) return;
    this.byId.set(id, { ...entry, isReplaced: false, isLeftToEngine: false });
    this.kept.mark(id, true);
  }

  /** Whether the engine itself sees what differs from the state, if anything does. */
  isSeenByEngine(news: News): boolean {
    if (this.reportsDrift) return true;
    const text = textOf(news);
    return this.checked.changed.has(text) && !this.checked.same.has(text);
  }

  get(id: string): Diffed<Olds, News> | undefined {
    return this.byId.get(id);
  }

  /** Whether the program keeps the object. */
  stays(id: string): boolean {
    return this.byId.get(id)?.isReplaced === false;
  }

  /** Whether the program keeps the object for another resource than this one. */
  staysFor(id: string, urn: string | undefined): boolean {
    const entry = this.byId.get(id);
    const isOther = entry?.urn !== undefined && urn !== undefined && entry.urn !== urn;
    return isOther && !entry.isReplaced;
  }

  /** Whether a resource of another provider instance, or of the other front end, keeps the object. */
  isKeptElsewhere(id: string): boolean {
    return this.kept.isKeptElsewhere(id);
  }

  /** @param isLeft - Whether a rotation leaves the object to its expiry. Another process may delete its resource. */
  recordLeft(id: string, isLeft: boolean): void {
    this.kept.mark(`${LEFT}${id}`, isLeft);
  }

  /** Whether a rotation in another process leaves the object to its expiry. */
  isLeftElsewhere(id: string): boolean {
    return this.kept.isKeptElsewhere(`${LEFT}${id}`);
  }

  /** Whether the object belongs to a resource of the program: one that was diffed, or created in this run. */
  holds(id: string): boolean {
    return this.byId.has(id) || this.created.has(id) || this.isKeptElsewhere(id);
  }

  /** The resources whose successor would have these inputs. */
  withInputs(inputs: News): Diffed<Olds, News>[] {
    const wanted = textOf(inputs);
    return [...this.byId.values()].filter(({ texts }) => texts.includes(wanted));
  }

  /** The resource that one with these inputs replaces. Each is taken once: the next caller gets another. */
  takeReplaced(inputs: News): Diffed<Olds, News> | undefined {
    const wanted = textOf(inputs);
    const entry = [...this.byId.values()].find(
      ({ texts, isReplaced, hasSuccessor }) =>
        isReplaced && !hasSuccessor && texts.includes(wanted),
    );
    if (entry !== undefined) this.byId.set(entry.id, { ...entry, hasSuccessor: true });
    return entry;
  }

  /** @param isSuccessor - Whether it is known what the object replaces, if anything. */
  recordCreated(id: string, inputs: News, isSuccessor: boolean): void {
    this.created.set(id, { inputs, isSuccessor });
    this.kept.mark(id, true);
  }

  /** As {@link recordCreated}, for an object that another resource may have managed until now. */
  async recordAdopted(id: string, inputs: News): Promise<void> {
    this.created.set(id, { inputs, isSuccessor: true });
    await this.kept.markAdopted(id);
  }

  /** The inputs with which this run has created or adopted the object. */
  createdWith(id: string): News | undefined {
    return this.created.get(id)?.inputs;
  }

  /** Finds a resource that this run has created without a diff and marks it as a successor, so that it counts once. */
  takeSuccessor(isLike: (inputs: News) => boolean): boolean {
    for (const created of this.created.values()) {
      if (created.isSuccessor || !isLike(created.inputs)) continue;
      created.isSuccessor = true;
      return true;
    }
    return false;
  }

  all(): Diffed<Olds, News>[] {
    return [...this.byId.values()];
  }

  /** The engine has deleted the resource. No diff shows what the program no longer has. */
  recordDeleted(olds: Olds): void {
    this.deleted.push(olds);
  }

  /** The states of all resources that this run has diffed or deleted. */
  states(): Olds[] {
    return [...this.all().map(({ olds }) => olds), ...this.deleted];
  }
}

/** Whether both can be inputs of one resource: its class passes the same prefix each time. */
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
