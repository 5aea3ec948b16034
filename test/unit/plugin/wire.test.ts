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

describe("plugin/wire: what comes in", () => {
  for (const [kind, marker] of [
    ["text", UNKNOWN],
    ["boolean", "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7"],
    ["number", "3eeb2bf0-c639-47a8-9e75-3b44932eb421"],
    ["array", "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2"],
    ["object", "dd056dcd-154b-4c76-9bd3-c8f88648b5ff"],
  ] as const) {
    it(`reads an unknown ${kind} as the one marker that the lifecycles know, at any depth`, () => {
      assert.deepEqual(
        fromStruct(wire({ top: marker, list: [marker], map: { deep: secret(marker) } })),
        { top: UNKNOWN, list: [UNKNOWN], map: { deep: UNKNOWN } },
      );
    });
  }

  it("reads secrets as plain values, and tells which properties contain one", () => {
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

  it("reads outputs as their values, unknown without one, and secret if they say so", () => {
    const struct = wire({
      known: { ...OUTPUT, value: secret("a") },
      unknown: { ...OUTPUT, dependencies: ["urn"] },
      hidden: { ...OUTPUT, value: "b", secret: true },
      shown: { ...OUTPUT, value: "c", secret: false },
    });
    assert.deepEqual(fromStruct(struct), { known: "a", unknown: UNKNOWN, hidden: "b", shown: "c" });
    assert.deepEqual(secretsIn(struct).sort(), ["hidden", "known"]);
  });

  it("drops nulls of objects, and what the engine and the dynamic front end add", () => {
    const struct = wire({
      ...{ __provider: "exports.handler = …", __internal: {}, name: null },
      rotationTriggers: { __mine: "1", none: null },
    });
    assert.deepEqual(fromStruct(struct), { rotationTriggers: { __mine: "1" } });
  });

  it("reads nothing as no properties", () => {
    assert.deepEqual(fromStruct(undefined), {});
    assert.deepEqual(secretsIn(undefined), []);
  });
});

describe("plugin/wire: what goes out", () => {
  it("marks the named properties as secrets, and leaves undefined out at any depth", () => {
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

  it("comes back as it was", () => {
    const properties = { roles: ["a", "b"], map: { a: "1" }, forceDestroy: false, count: 1 };
    assert.deepEqual(fromStruct(toStruct(properties, ["map"])), properties);
  });

  it("is never anything that the engine would read as something else", () => {
    assert.throws(() => toStruct({ call: () => undefined }), /a function cannot be sent/);
  });
});
