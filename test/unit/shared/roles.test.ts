import assert from "node:assert/strict";
import {
  isAllowed,
  missingPermissions,
  roleProblems,
  SERVICE_ACCOUNT_ROLES,
  sameRoles,
  uniqueSorted,
} from "../../../provider/shared/roles";
import { UNKNOWN } from "../fixture";

const OFFERED = ["super_admin", "event_reader", "event_ingestor"];
const ALLOWED = "Allowed roles: event_ingestor, event_reader, super_admin.";
const CATALOG = [
  { id: "super_admin", permissions: { "*": ["*"] } },
  { id: "all_reader", permissions: { "*": ["read"] } },
  { id: "all_writer", permissions: { "*": ["read", "write"] } },
  { id: "event_ingestor", permissions: { event: ["write"] } },
  { id: "event_reader", permissions: { event: ["read"] } },
  { id: "user_manager", permissions: { user: ["read", "write"], event: ["write"] } },
];

describe("shared/roles", () => {
  it("has the service account roles of an unmodified server", () => {
    assert.deepEqual(SERVICE_ACCOUNT_ROLES, ["event_ingestor", "event_reader", "super_admin"]);
  });

  it("sorts roles, and removes duplicates", () => {
    const given = ["b", "a", "b"];
    assert.deepEqual(uniqueSorted(given), ["a", "b"]);
    assert.deepEqual(given, ["b", "a", "b"]);
    assert.deepEqual(uniqueSorted([]), []);
  });

  it("compares roles as sets", () => {
    const cases: [unknown, unknown, boolean][] = [
      [["a", "b"], ["b", "a", "a"], true],
      [[], [], true],
      [["a"], ["a", "b"], false],
      [["a"], ["b"], false],
      [["a,b"], ["a", "b"], false],
      [["a"], ["a", UNKNOWN], false],
      [["a"], UNKNOWN, false],
      [undefined, ["a"], false],
      [undefined, undefined, true],
      [["a"], "a", false],
    ];
    for (const [first, second, same] of cases) {
      assert.equal(sameRoles(first, second), same, JSON.stringify([first, second]));
      assert.equal(sameRoles(second, first), same, JSON.stringify([second, first]));
    }
  });

  describe("roleProblems", () => {
    const cases: [roles: string[], problems: string[]][] = [
      [[], []],
      [["event_ingestor"], []],
      [["event_reader", "event_ingestor", "event_reader"], []],
      [["super_admin"], []],
      [["super_admin", "super_admin"], []],
      [["custom_role"], [`Invalid role: custom_role. ${ALLOWED}`]],
      [
        ["event-ingestor"],
        [`Invalid role: event-ingestor. ${ALLOWED} Did you mean "event_ingestor"?`],
      ],
      [["EVENT_READER"], [`Invalid role: EVENT_READER. ${ALLOWED} Did you mean "event_reader"?`]],
      [["event_ingest"], [`Invalid role: event_ingest. ${ALLOWED} Did you mean "event_ingestor"?`]],
      [["superadmin"], [`Invalid role: superadmin. ${ALLOWED} Did you mean "super_admin"?`]],
      [["ingestor"], [`Invalid role: ingestor. ${ALLOWED}`]], // six characters away would be a guess
      [[""], [`Invalid role: . ${ALLOWED}`]],
      [
        ["all_reader"],
        [`Invalid role: all_reader (users can hold it, service accounts cannot). ${ALLOWED}`],
      ],
      [
        ["zoo", "ape", "zoo"],
        [`Invalid role: ape. ${ALLOWED}`, `Invalid role: zoo. ${ALLOWED}`],
      ],
      [
        ["super_admin", "event_reader"],
        ["super_admin includes every other role: assign it alone."],
      ],
      [
        ["super_admin", "nope"],
        [
          `Invalid role: nope. ${ALLOWED}`,
          "super_admin includes every other role: assign it alone.",
        ],
      ],
    ];
    for (const [roles, problems] of cases) {
      it(`finds ${problems.length} in ${JSON.stringify(roles)}`, () => {
        const actual = roleProblems(roles, OFFERED);
        assert.deepEqual(
          actual.map((text) => (roles.includes("all_reader") ? text.replace(/ Did.*/, "") : text)),
          problems,
        );
      });
    }

    it("lists whatever roles the server offers", () => {
      assert.deepEqual(roleProblems(["auditor"], ["auditor"]), []);
      assert.deepEqual(roleProblems(["event_reader"], ["auditor", "auditors"]), [
        "Invalid role: event_reader. Allowed roles: auditor, auditors.",
      ]);
      assert.deepEqual(roleProblems(["event_reader"], []), [
        "Invalid role: event_reader. Allowed roles: .",
      ]);
    });
  });

  it("tells what a caller is allowed to do", () => {
    const cases: [roles: string[], entity: string, action: string, allowed: boolean][] = [
      [["super_admin"], "user", "write", true],
      [["all_writer"], "user", "write", true],
      [["all_reader"], "user", "write", false],
      [["all_reader"], "user", "read", true],
      [["event_ingestor"], "user", "read", false],
      [["event_ingestor"], "event", "write", true],
      [["event_ingestor"], "event", "read", false],
      [["event_ingestor", "event_reader"], "event", "read", true],
      [["all_writer"], "*", "*", false],
      [["super_admin"], "*", "*", true],
      [["user_manager"], "user", "write", true],
      [["unheard_of"], "event", "read", false],
      [[], "event", "read", false],
    ];
    for (const [roles, entity, action, allowed] of cases) {
      assert.equal(
        isAllowed(roles, entity, action, CATALOG),
        allowed,
        `${roles} ${action} ${entity}`,
      );
    }
  });

  it("tells which permissions a caller lacks to grant a role", () => {
    const cases: [roles: string[], wanted: string, missing: string[]][] = [
      [["super_admin"], "super_admin", []],
      [["all_writer"], "event_ingestor", []],
      [["all_writer"], "super_admin", ['"*" on "*"']],
      [["all_reader"], "event_ingestor", ['"write" on "event"']],
      [["event_ingestor"], "event_ingestor", []],
      [["event_reader"], "all_writer", ['"read" on "*"', '"write" on "*"']],
      [["event_ingestor"], "user_manager", ['"read" on "user"', '"write" on "user"']],
      [["event_ingestor"], "unheard_of", []],
    ];
    for (const [roles, wanted, missing] of cases) {
      assert.deepEqual(missingPermissions(roles, wanted, CATALOG), missing, `${roles} ${wanted}`);
    }
  });
});
