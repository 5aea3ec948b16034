import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { z } from "zod";
import type { Key } from "../../../provider/api/schemas";
import { SECRET_SETTINGS, SETTINGS } from "../../../provider/config/keys";
import { readSettings } from "../../../provider/config/read";
import * as functions from "../../../provider/functions";
import { schema as keyInputs } from "../../../provider/lifecycle/api-key/provider";
import { toState as keyState } from "../../../provider/lifecycle/api-key/state";
import { schema as accountInputs } from "../../../provider/lifecycle/service-account/provider";
import { toState as accountState } from "../../../provider/lifecycle/service-account/state";
import { API_KEY_TYPE, SERVICE_ACCOUNT_TYPE } from "../../../provider/shared/resource-types";
import { SCHEMA_FILE, schemaText } from "../../../scripts/schema";
import {
  type AccountInputs,
  type AccountState,
  DAY,
  type KeyInputs,
  type KeyState,
  START,
  UnitFixture,
} from "../fixture";

const properties = z.record(
  z.string(),
  z.object({
    description: z.string(),
    secret: z.literal(true).optional(),
    willReplaceOnChanges: z.literal(true).optional(),
  }),
);
const object = z.object({ properties, required: z.array(z.string()).default([]) });
const described = z.object({ description: z.string() });
const resource = object.extend({
  description: z.string(),
  inputProperties: properties,
  requiredInputs: z.array(z.string()).default([]),
  stateInputs: object.optional(),
  aliases: z.array(z.object({ type: z.string() })).default([]),
});
const ofPackage = z.object({
  version: z.string(),
  config: z.object({ variables: properties }),
  provider: described.extend({ inputProperties: properties }),
  resources: z.record(z.string(), resource),
  functions: z.record(z.string(), described.extend({ inputs: object, outputs: object })),
  types: z.record(
    z.string(),
    described.extend({
      properties: properties.default({}),
      enum: z.array(z.object({ name: z.string(), value: z.string() })).default([]),
    }),
  ),
});

const text = readFileSync(SCHEMA_FILE, "utf8");
const schema = ofPackage.parse(JSON.parse(text));

function resourceOf(name: string): z.infer<typeof resource> {
  return schema.resources[`flexprice:index:${name}`] ?? assert.fail(`no resource ${name}`);
}

function typeOf(name: string): z.infer<typeof ofPackage>["types"][string] {
  return schema.types[`flexprice:index:${name}`] ?? assert.fail(`no type ${name}`);
}

/** All maps of properties, with their place in the schema. */
const maps: [place: string, z.infer<typeof properties>][] = [
  ["config", schema.config.variables],
  ["provider", schema.provider.inputProperties],
  ...Object.entries(schema.resources).flatMap(([token, spec]): typeof maps => [
    [`${token} inputs`, spec.inputProperties],
    [`${token} outputs`, spec.properties],
    [`${token} state`, spec.stateInputs?.properties ?? {}],
  ]),
  ...Object.entries(schema.functions).flatMap(([token, { inputs, outputs }]): typeof maps => [
    [`${token} inputs`, inputs.properties],
    [`${token} outputs`, outputs.properties],
  ]),
  ...Object.entries(schema.types).map(([token, type]): (typeof maps)[0] => [
    token,
    type.properties,
  ]),
];

describe("the plugin's schema.json", () => {
  it("is what the generator writes from the sources and package.json", () => {
    assert.ok(text === schemaText(), 'The sources have changed: run "npm run schema".');
  });

  it("has the inputs that the providers accept", () => {
    const namesOf = (name: string) => Object.keys(resourceOf(name).inputProperties).sort();
    assert.deepEqual(namesOf("ApiKey"), Object.keys(keyInputs().shape).sort());
    assert.deepEqual(namesOf("ServiceAccount"), Object.keys(accountInputs().shape).sort());
    const isRequired = (input: z.ZodType) => !input.safeParse(undefined).success;
    assert.deepEqual(
      resourceOf("ServiceAccount").requiredInputs,
      Object.entries(accountInputs().shape).flatMap(([name, input]) =>
        isRequired(input) ? [name] : [],
      ),
    );
    // The provider sets the default of "type" before the schema of its inputs runs.
    assert.deepEqual(resourceOf("ApiKey").requiredInputs, []);
  });

  it("has enums whose values the providers accept", () => {
    const { type, onDelete } = keyInputs().shape;
    for (const [name, input] of [
      ["ApiKeyType", type],
      ["OnDelete", onDelete],
    ] as const) {
      const values = typeOf(name).enum.map(({ value }) => value);
      assert.equal(values.length, 2, name);
      for (const value of values) assert.ok(input.safeParse(value).success, value);
    }
  });

  it("has the outputs that the providers write, and requires those that are always there", () => {
    const key: Key = { ...KEY, expires_at: "2030-01-01T00:00:00Z" };
    const internal = { adoptedId: "secret_1", predecessors: [{ id: "s", expiresAt: "e" }] };
    const details = { apiKey: "sk_1", tenantId: "tenant_1", environmentId: "env_1", ...internal };
    const { name: _, ...unnamed } = KEY_INPUTS;
    const written = Object.keys(keyState(unnamed, key, details)).filter(
      (name) => !Object.hasOwn(internal, name) && name !== "environmentId",
    );
    const apiKey = resourceOf("ApiKey");
    assert.deepEqual(Object.keys(apiKey.properties).sort(), written.sort());
    assert.deepEqual(
      [...apiKey.required].sort(),
      Object.keys(
        keyState({ name: "k" }, KEY, { apiKey: "", tenantId: "", environmentId: undefined }),
      ).sort(),
    );
    const account = resourceOf("ServiceAccount");
    assert.deepEqual(
      Object.keys(account.properties).sort(),
      Object.keys(accountState(ACCOUNT_INPUTS, ACCOUNT, "tenant_1", "a")).sort(),
    );
    assert.deepEqual(
      [...account.required].sort(),
      Object.keys(accountState({}, ACCOUNT, "tenant_1", undefined)).sort(),
    );
  });

  it("marks every secret, and nothing else", () => {
    const secrets = maps.flatMap(([place, map]) =>
      Object.entries(map).flatMap(([name, { secret }]) => (secret ? [`${place}: ${name}`] : [])),
    );
    const settings = SECRET_SETTINGS.map((key) => key.slice("flexprice:".length));
    assert.deepEqual(
      secrets.sort(),
      [
        ...settings.flatMap((name) => [`config: ${name}`, `provider: ${name}`]),
        "flexprice:index:ApiKey inputs: adopt",
        "flexprice:index:ApiKey outputs: apiKey",
        "flexprice:index:ApiKey state: apiKey",
        "flexprice:index:ServiceIdentity outputs: apiKey",
        "flexprice:index:AdoptedApiKey: apiKey",
        "flexprice:index:AdoptedIdentity: key",
        "flexprice:index:Connection: accessToken",
        "flexprice:index:Connection: apiKey",
      ].sort(),
    );
  });

  it("makes no SDK replace a resource or copy a credential from the environment", () => {
    assert.doesNotMatch(text, /"(replaceOnChanges|defaultInfo)"/);
  });

  it("describes everything without the syntax and types of TypeScript", () => {
    const specs = [
      ...maps.flatMap(([place, map]) =>
        Object.entries(map).map(([name, spec]) => [`${place}: ${name}`, spec] as const),
      ),
      ["provider", schema.provider] as const,
      ...Object.entries({ ...schema.resources, ...schema.functions, ...schema.types }),
    ];
    for (const [place, { description }] of specs) {
      assert.match(description, /\S/, place);
      assert.doesNotMatch(description, TYPESCRIPT, place);
    }
  });

  it("has examples whose resources, functions and properties exist", () => {
    const examples = [...Object.values(schema.resources), ...Object.values(schema.functions)]
      .flatMap(({ description }) => /```yaml\n(.*?)```/s.exec(description)?.[1] ?? [])
      .map((program) => exampleSchema.parse(parse(program)));
    assert.equal(examples.length, 4);
    for (const { resources, variables } of examples) {
      const uses = [
        ...Object.values(resources).map(({ type, properties }) => ({
          names: Object.keys(properties),
          inputs: resourceOf(memberOf(type)).inputProperties,
        })),
        ...Object.values(variables).map(({ "fn::invoke": call }) => ({
          names: Object.keys(call.arguments),
          inputs: schema.functions[`flexprice:index:${memberOf(call.function)}`]?.inputs.properties,
        })),
      ];
      assert.notEqual(uses.length, 0);
      for (const { names, inputs = {} } of uses) {
        assert.deepEqual(
          names.filter((name) => !Object.hasOwn(inputs, name)),
          [],
        );
      }
    }
  });

  it("has every setting, and in a connection every setting that a connection can have", () => {
    assert.deepEqual(Object.keys(schema.config.variables), Object.keys(SETTINGS));
    assert.deepEqual(
      Object.keys(schema.provider.inputProperties),
      Object.keys(schema.config.variables),
    );
    const isUsable = (name: string) => {
      const connections = JSON.stringify({ eu: { [name]: "https://flexprice.example.com" } });
      const config = (key: string) => (key === "flexprice:connections" ? connections : undefined);
      try {
        readSettings({ config, environment: {} }, "eu");
        return true;
      } catch {
        return false;
      }
    };
    assert.deepEqual(
      Object.keys(typeOf("Connection").properties),
      Object.keys(SETTINGS).filter(isUsable),
    );
  });

  it("has the functions of the npm package", () => {
    assert.deepEqual(
      Object.keys(schema.functions),
      Object.keys(functions)
        .filter((name) => /^get.*(?<!Output)$/.test(name))
        .map((name) => `flexprice:index:${name}`)
        .sort(),
    );
  });

  it("has the types of the dynamic provider as aliases, so that its resources can move", () => {
    assert.deepEqual(resourceOf("ApiKey").aliases, [{ type: API_KEY_TYPE }]);
    assert.deepEqual(resourceOf("ServiceAccount").aliases, [{ type: SERVICE_ACCOUNT_TYPE }]);
  });

  describe("marks exactly the inputs whose change replaces the resource:", () => {
    const fixture = UnitFixture.forEachTest();

    const cases: [
      resource: "ApiKey" | "ServiceAccount",
      changes: Readonly<Record<string, readonly [unknown, unknown]>>,
    ][] = [
      [
        "ServiceAccount",
        {
          name: ["a", "b"],
          namePrefix: ["a", "b"],
          roles: [["event_reader"], ["event_ingestor"]],
          forceDestroy: [false, true],
          // Another id replaces, but not its removal.
          adopt: ["user_2", undefined],
          connection: ["eu", "in"],
        },
      ],
      [
        "ApiKey",
        {
          serviceAccountId: ["user_1", "user_2"],
          name: ["a", "b"],
          namePrefix: ["a", "b"],
          type: ["private_key", "publishable_key"],
          expiresAt: [instant(30 * DAY), instant(45 * DAY)],
          expiresIn: ["90d", "30d"],
          rotateBefore: ["14d", "7d"],
          // Another value replaces, but not the first ones.
          rotationTriggers: [undefined, { a: "1" }],
          onDelete: ["revoke", "expire"],
          // Another id replaces, but not its removal.
          adopt: [{ id: "secret_2", apiKey: "sk_2" }, undefined],
          connection: ["eu", "in"],
        },
      ],
    ];
    for (const [name, changes] of cases) {
      const { inputProperties } = resourceOf(name);

      it(`all inputs of ${name} are tested`, () => {
        assert.deepEqual(Object.keys(changes).sort(), Object.keys(inputProperties).sort());
      });

      for (const [property, [oldValue, newValue]] of Object.entries(changes)) {
        it(`${name}.${property}`, async () => {
          const { accounts, keys } = fixture.process();
          const { tenantId } = fixture.operator;
          const change = { [property]: newValue };
          const { replaces } =
            name === "ApiKey"
              ? await keys.diff(
                  "secret_1",
                  { ...KEY_STATE, tenantId, [property]: oldValue } as KeyState,
                  { type: "private_key", ...change } as KeyInputs,
                )
              : await accounts.diff(
                  "user_1",
                  { ...ACCOUNT_STATE, tenantId, [property]: oldValue } as AccountState,
                  { roles: ACCOUNT.roles, ...change } as AccountInputs,
                );
          assert.equal(
            inputProperties[property]?.willReplaceOnChanges === true,
            replaces?.includes(property),
          );
        });
      }
    }
  });
});

/** Syntax and types of the npm package. */
const TYPESCRIPT =
  /\{@|\b(undefined|null|Promise|LookupError|TypeScript|JavaScript|import|await)\b|=>/;

const exampleSchema = z.object({
  resources: z
    .record(
      z.string(),
      z.object({ type: z.string(), properties: z.record(z.string(), z.unknown()) }),
    )
    .default({}),
  variables: z
    .record(
      z.string(),
      z.object({
        "fn::invoke": z.object({
          function: z.string(),
          arguments: z.record(z.string(), z.unknown()),
        }),
      }),
    )
    .default({}),
});

/** The name in a token of YAML, e.g. of `flexprice:ApiKey`. */
function memberOf(token: string): string {
  const [name = "", member = ""] = token.split(":");
  assert.equal(name, "flexprice");
  return member;
}

function instant(ms: number): string {
  return new Date(START + ms).toISOString();
}

const KEY: Key = {
  id: "secret_1",
  name: "k",
  type: "private_key",
  display_id: "sk_01***0Z",
  user_type: "service_account",
  user_id: "user_1",
  status: "published",
  created_at: "2026-01-01T00:00:00Z",
};

const KEY_INPUTS: Required<KeyInputs> = {
  serviceAccountId: "user_1",
  name: "k",
  namePrefix: "k",
  type: "private_key",
  expiresAt: "2030-01-01T00:00:00Z",
  expiresIn: "90d",
  rotateBefore: "14d",
  rotationTriggers: {},
  onDelete: "revoke",
  adopt: { id: "secret_1", apiKey: "sk_1" },
  connection: "eu",
};

const KEY_STATE = keyState({ name: "k" }, KEY, {
  apiKey: "sk_1",
  tenantId: "",
  environmentId: undefined,
});

const ACCOUNT = { name: "a", roles: ["event_reader"] };

const ACCOUNT_INPUTS: Required<AccountInputs> = {
  ...ACCOUNT,
  namePrefix: "a",
  forceDestroy: true,
  adopt: "user_1",
  connection: "eu",
};

const ACCOUNT_STATE = accountState({}, ACCOUNT, "", undefined);
