import assert from "node:assert/strict";
import { fromStruct, secretsIn, toStruct } from "../../../provider/plugin/wire";
import { structs } from "../../../provider/shared/grpc";
import { UNKNOWN } from "../fixture";

const SIGNATURE = "4dabf18193072939515e22adb298388d";
const secret = (value: JavaScriptValue) => ({
  [SIGNATURE]: "1b47061264138c4ac30d75fd1eb44270",
  value,
});
const OUTPUT = { [SIGNATURE]: "d0e6a833031e9bbcd3f4e8bde6ca49a4" };

type JavaScriptValue = Parameters<
  ReturnType<typeof structs>["Struct"]["fromJavaScript"]
>[0][string];

const wire = (properties: Record<string, JavaScriptValue>) =>
  structs().Struct.fromJavaScript(properties);

describe("a struct from the engine", () => {
  for (const [kind, marker] of [
    ["text", UNKNOWN],
    ["boolean", "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7"],
    ["number", "3eeb2bf0-c639-47a8-9e75-3b44932eb421"],
    ["array", "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2"],
    ["object", "dd056dcd-154b-4c76-9bd3-c8f88648b5ff"],
  ] as const) {
    it(`is read with an unknown ${kind} at any depth as the marker for unknown values`, () => {
      assert.deepEqual(
        fromStruct(wire({ top: marker, list: [marker], map: { deep: secret(marker) } })),
        { top: UNKNOWN, list: [UNKNOWN], map: { deep: UNKNOWN } },
      );
    });
  }

  it("is read with secrets as plain values, and secretsIn names the properties that contain one", () => {
    const struct = wire({
      whole: secret({ id: "a", apiKey: secret("b") }),
      deep: { map: { value: secret("c") } },
      list: ["d", secret("e")],
      plain: { value: "f" },
    });
    assert.deepEqual(fromStruct(struct), {
      whole: { id: "a", apiKey: "b" },
      deep: { map: { value: "c" } },
      list: ["d", "e"],
      plain: { value: "f" },
    });
    assert.deepEqual(secretsIn(struct).sort(), ["deep", "list", "whole"]);
  });

  it("is read with outputs as their values, which may be unknown or secret", () => {
    const struct = wire({
      known: { ...OUTPUT, value: secret("a") },
      unknown: { ...OUTPUT, dependencies: ["urn"] },
      hidden: { ...OUTPUT, value: "b", secret: true },
      shown: { ...OUTPUT, value: "c", secret: false },
    });
    assert.deepEqual(fromStruct(struct), { known: "a", unknown: UNKNOWN, hidden: "b", shown: "c" });
    assert.deepEqual(secretsIn(struct).sort(), ["hidden", "known"]);
  });

  it("is read without nulls in objects and without internal properties", () => {
    const struct = wire({
      ...{ __provider: "exports.handler = …", __internal: {}, name: null },
      rotationTriggers: { __own: "1", none: null },
    });
    assert.deepEqual(fromStruct(struct), { rotationTriggers: { __own: "1" } });
  });

  it("is read as no properties if it is absent", () => {
    assert.deepEqual(fromStruct(undefined), {});
    assert.deepEqual(secretsIn(undefined), []);
  });
});

describe("a struct for the engine", () => {
  it("has the named properties as secrets, and no undefined values at any depth", () => {
    const struct = toStruct(
      { apiKey: "a", adopt: { id: "b", apiKey: undefined }, none: undefined, list: [1, true] },
      ["apiKey", "adopt", "none"],
    );
    assert.deepEqual(struct.toJavaScript(), {
      apiKey: secret("a"),
      adopt: secret({ id: "b" }),
      list: [1, true],
    });
  });

  it("is read as the properties that it was written from", () => {
    const properties = { roles: ["a", "b"], map: { a: "1" }, forceDestroy: false, count: 1 };
    assert.deepEqual(fromStruct(toStruct(properties, ["map"])), properties);
  });

  it("cannot contain a function", () => {
    assert.throws(() => toStruct({ call: () => undefined }), /a function cannot be sent/);
  });
});
