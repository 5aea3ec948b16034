import type { Key, User } from "../../api/schemas";
import { ACCOUNT, findPending, isLeftToExpire } from "../classification";
import { pluralize, quoteShort } from "../listing";
import type { StackExport } from "../stack-export";

/** What the user chose. */
export interface Choice {
  /** The stacks whose objects are left out. */
  readonly exports: readonly StackExport[];
  /** Only accounts with this name, in which `*` stands for any text. */
  readonly name: string | undefined;
  /** Only accounts with this role. */
  readonly role: string | undefined;
}

/** The part of a tenant for a program. */
export interface Selection {
  readonly accounts: readonly User[];
  /** Keys of these accounts, of accounts that a stack has, and of archived accounts. */
  readonly keys: readonly Key[];
  /** Accounts that a stack has. */
  readonly heldAccounts: readonly User[];
  /** Keys that a stack has, or left to expire. */
  readonly heldKeys: readonly Key[];
  /** Ids of what an interrupted operation of a stack may have created. */
  readonly pending: ReadonlySet<string>;
  /** Sentences about what is left out, and why. */
  readonly leftOut: readonly string[];
}

/** Chooses the accounts and keys for a program. Keys of users are never among them. */
export function select(
  accounts: readonly User[],
  everyKey: readonly Key[],
  choice: Choice,
): Selection {
  const { exports } = choice;
  const known = exports.flatMap(({ objects }) => objects);
  const heldIds = new Set(known.map(({ id }) => id));
  const ownKeys = everyKey.filter(({ user_type }) => user_type === ACCOUNT);

  const matching = accounts.filter((account) => matches(account, choice));
  const matchingIds = new Set(matching.map(({ id }) => id));
  const keys = ownKeys.filter(({ user_id }) => !isFilter(choice) || matchingIds.has(user_id));
  const [heldAccounts, free] = partition(matching, ({ id }) => heldIds.has(id));
  const [heldKeys, freeKeys] = partition(
    keys,
    (key) => heldIds.has(key.id) || isLeftToExpire(key, known),
  );
  return {
    accounts: free,
    keys: freeKeys,
    heldAccounts,
    heldKeys,
    pending: findPending({
      accounts: free,
      keys: freeKeys,
      pending: exports.flatMap(({ pendingObjects }) => pendingObjects),
    }),
    leftOut: [
      ...(exports.length === 0
        ? []
        : [`${counted(heldAccounts, heldKeys)}, which the given stacks have.`]),
      ...(isFilter(choice)
        ? [
            `${counted(
              accounts.filter(({ id }) => !matchingIds.has(id)),
              ownKeys.filter(({ user_id }) => !matchingIds.has(user_id)),
            )}, which do not match ${describeFilter(choice)}.`,
          ]
        : []),
    ],
  };
}

function isFilter({ name, role }: Choice): boolean {
  return name !== undefined || role !== undefined;
}

function matches({ name, roles }: User, choice: Choice): boolean {
  const fitsName = choice.name === undefined || patternOf(choice.name).test(name);
  return fitsName && (choice.role === undefined || roles.includes(choice.role));
}

/** `*` stands for any text, and everything else for itself. */
function patternOf(name: string): RegExp {
  const parts = name.split("*").map((part) => part.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`, "su");
}

function describeFilter({ name, role }: Choice): string {
  return [
    ...(name === undefined ? [] : [`--name ${quoteShort(name)}`]),
    ...(role === undefined ? [] : [`--role ${quoteShort(role)}`]),
  ].join(" and ");
}

function counted(accounts: readonly User[], keys: readonly Key[]): string {
  return `${pluralize(accounts.length, "service account")} and ${pluralize(keys.length, "API key")}`;
}

function partition<Row>(rows: readonly Row[], test: (row: Row) => boolean): [Row[], Row[]] {
  return [rows.filter(test), rows.filter((row) => !test(row))];
}
