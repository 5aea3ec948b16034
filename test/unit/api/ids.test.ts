import assert from "node:assert/strict";
import { createdAt, displayIdOf } from "../../../provider/api/ids";
import { seeded } from "../../../provider/emulator";
import { ulid } from "../../../provider/emulator/random";
import { START } from "../fixture";

describe("api/ids", () => {
  it("reads the creation time of ids in the server's format", () => {
    for (const time of [0, 1, 31, 32, START, START + 999, 2 ** 48 - 1]) {
      assert.equal(createdAt(`user_${ulid(time, seeded(3))}`), time);
    }
  });

  it("reads the creation time of ids from a real server", () => {
    assert.equal(
      new Date(createdAt("user_01M85F3VN6K63X2SZKSCVMP5X7") ?? 0).toISOString(),
      "2026-11-24T00:25:57.158Z",
    );
    assert.equal(
      new Date(createdAt("secret_01M85FAKMEBXGA1EGXE598V40Z") ?? 0).toISOString(),
      "2026-11-24T00:29:38.318Z",
    );
  });

  it("reads the creation time of a bare ULID", () => {
    assert.equal(createdAt("01M85F3VN6K63X2SZKSCVMP5X7"), Date.parse("2026-11-24T00:25:57.158Z"));
  });

  const withoutTime = [
    "",
    "user_",
    "user_nope",
    "00000000-0000-0000-0000-000000000000",
    "user_01M85F3VN6K63X2SZKSCVMP5X", // one character short
    "user_01M85F3VN6K63X2SZKSCVMP5X77", // one too many
    "user_01M85F3VN6K63X2SZKSCVMP5XU", // U is not in the alphabet
    "user_01m85f3vn6k63x2szkscvmp5x7",
    "user_01M85F3VN6K63X2SZKSCVMP5X7\n",
  ];
  for (const id of withoutTime) {
    it(`returns no time for ${JSON.stringify(id)}`, () => {
      assert.equal(createdAt(id), undefined);
    });
  }

  it("abbreviates a key as the server does", () => {
    assert.equal(displayIdOf("sk_01M85FAKMEBXGA1EGXE598V40Z"), "sk_01***0Z");
  });
});
