import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { z } from "zod";
import { SECRET_SETTINGS, SETTINGS } from "../provider/config/keys";
import { API_KEY_TYPE, SERVICE_ACCOUNT_TYPE } from "../provider/shared/resource-types";

// Writes the package schema of the plugin: the types and docstrings of provider/, for Pulumi's other languages.

const PROVIDER = join(__dirname, "..", "provider");

export const SCHEMA_FILE = join(PROVIDER, "plugin", "schema.json");

/** The files whose declarations the schema describes. */
const SOURCES = [
  "config/keys",
  "functions/index",
  "functions/types",
  "resources/api-key",
  "resources/service-account",
  "resources/service-identity",
  "shared/roles",
];

/** Functions of the plugin return objects, so lists are a property of one. */
const LISTS: Readonly<Record<string, readonly [name: string, description: string]>> = {
  getServiceAccounts: ["accounts", "The accounts that match, newest first."],
  getApiKeys: ["keys", "The keys, newest first."],
  getRoles: ["roles", "The roles, sorted by id."],
};

/** The types of the settings that are no strings. */
const SETTING_TYPES: Readonly<Record<string, TypeSpec>> = {
  connections: { type: "object", additionalProperties: { $ref: refTo("Connection") } },
  preflight: { type: "boolean" },
  allowInsecure: { type: "boolean" },
};

/** The settings that a named connection can have. */
const CONNECTION_SETTINGS: readonly string[] = [
  "apiKey",
  "accessToken",
  "environmentId",
  "baseUrl",
];

/** Programs in YAML: what an example in TypeScript shows does not help in other languages. */
const EXAMPLES: Readonly<Record<string, string>> = {
  ServiceAccount: `resources:
  usage-ingestor:
    type: flexprice:ServiceAccount
    properties:
      roles: [event_ingestor]`,
  ApiKey: `resources:
  usage-ingestor:
    type: flexprice:ServiceAccount
    properties:
      roles: [event_ingestor]
  usage-ingestor-key:
    type: flexprice:ApiKey
    properties:
      serviceAccountId: \${usage-ingestor.id}
      expiresIn: 90d
      rotateBefore: 14d
outputs:
  apiKey: \${usage-ingestor-key.apiKey}`,
  ServiceIdentity: `resources:
  usage-ingestor:
    type: flexprice:ServiceIdentity
    properties:
      roles: [event_ingestor]
outputs:
  apiKey: \${usage-ingestor.apiKey}`,
  getServiceAccount: `variables:
  ingestor:
    fn::invoke:
      function: flexprice:getServiceAccount
      arguments:
        name: usage-ingestor
outputs:
  id: \${ingestor.id}`,
};

interface TypeSpec {
  readonly type?: string;
  readonly items?: TypeSpec;
  readonly additionalProperties?: TypeSpec;
  readonly $ref?: string;
  readonly oneOf?: readonly TypeSpec[];
}

interface PropertySpec extends TypeSpec {
  readonly description: string;
  readonly secret?: true;
  readonly willReplaceOnChanges?: true;
  readonly language?: object;
}

type Properties = Record<string, PropertySpec>;

interface ObjectSpec {
  readonly description?: string;
  readonly type: "object";
  readonly properties: Properties;
  readonly required?: readonly string[];
}

interface EnumSpec {
  readonly description: string;
  readonly type: "string";
  readonly enum: readonly { readonly name: string; readonly value: string }[];
}

/** The package schema as text, as `schema.json` holds it. */
export function schemaText(): string {
  return `${JSON.stringify(new SchemaGenerator().schema(), undefined, 2)}\n`;
}

/** A property of an interface, a class, an object type or the settings. */
type Member = ts.PropertySignature | ts.PropertyDeclaration | ts.PropertyAssignment;

class SchemaGenerator {
  private readonly declarations = new Map(SOURCES.flatMap(declarationsOf));
  private readonly types = new Map<string, ObjectSpec | EnumSpec>();

  schema(): object {
    const manifest: unknown = JSON.parse(
      readFileSync(join(PROVIDER, "..", "package.json"), "utf8"),
    );
    const settings = this.settings();
    return {
      ...packageInfo(manifest),
      config: { variables: settings },
      provider: {
        description:
          "A Flexprice server and the credential for it. Settings that are not set here are read from the environment.",
        inputProperties: settings,
      },
      resources: {
        "flexprice:index:ApiKey": this.customResource("ApiKey", API_KEY_TYPE, "ApiKeyState"),
        "flexprice:index:ServiceAccount": this.customResource(
          "ServiceAccount",
          SERVICE_ACCOUNT_TYPE,
          "ServiceAccountGetOptions",
        ),
        "flexprice:index:ServiceIdentity": this.component("ServiceIdentity"),
      },
      functions: Object.fromEntries(
        [...this.declarations.keys()]
          .filter((name) => /^get.*(?<!Output)$/.test(name))
          .sort()
          .map((name) => [`flexprice:index:${name}`, this.function(name)]),
      ),
      // Last: the others find the types that they need.
      types: Object.fromEntries(
        [...this.types]
          .sort(([one], [other]) => (one < other ? -1 : 1))
          .map(([name, spec]) => [`flexprice:index:${name}`, spec]),
      ),
    };
  }

  private settings(): Properties {
    const settings: Properties = {};
    for (const [name, [member]] of this.members("SETTINGS")) {
      settings[name] = {
        ...(SETTING_TYPES[name] ?? { type: "string" }),
        description: docOf(member),
        ...(SECRET_SETTINGS.includes(`flexprice:${name}`) ? { secret: true } : {}),
      };
    }
    this.types.set("Connection", {
      description: "A Flexprice server and the credential for it.",
      type: "object",
      properties: Object.fromEntries(
        Object.entries(settings)
          .filter(([name]) => CONNECTION_SETTINGS.includes(name))
          .map(([name, spec]) => [name, asOutput(spec)]),
      ),
    });
    const variables: Readonly<Record<string, string>> = SETTINGS;
    return Object.fromEntries(
      Object.entries(settings).map(([name, spec]) => [
        name,
        {
          ...spec,
          description: `${spec.description} Environment variable: \`${variables[name]}\`.`,
        },
      ]),
    );
  }

  private customResource(name: string, dynamicType: string, state: string): object {
    const inputs = this.properties(`${name}Args`);
    const outputs = this.properties(name);
    return {
      description: this.doc(name) + exampleOf(name),
      inputProperties: Object.fromEntries(
        Object.entries(inputs.properties).map(([input, spec]) => [input, asInput(spec)]),
      ),
      requiredInputs: inputs.required,
      properties: Object.fromEntries(
        Object.entries(outputs.properties).map(([output, spec]) => [output, asOutput(spec)]),
      ),
      required: outputs.required,
      stateInputs: { description: this.doc(state), ...this.properties(state) },
      aliases: [{ type: dynamicType }],
    };
  }

  private component(name: string): object {
    const inputs = this.properties(`${name}Args`);
    // References to the account and the key themselves are left out: their ids and values are what programs use.
    const outputs = this.properties(name, ["serviceAccount", "key"]);
    return {
      isComponent: true,
      description: this.doc(name) + exampleOf(name),
      inputProperties: inputs.properties,
      requiredInputs: inputs.required,
      properties: outputs.properties,
      required: outputs.required,
    };
  }

  private function(name: string): object {
    const declaration = this.declaration(name);
    const { properties } = this.properties(`${name.replace("get", "Get")}Args`);
    const [promise] =
      ts.isFunctionDeclaration(declaration) && declaration.type !== undefined
        ? typeArguments(declaration.type)
        : [];
    if (promise === undefined) throw new Error(`${name} returns no promise`);
    const [list, description = ""] = LISTS[name] ?? [];
    return {
      description: docOf(declaration) + exampleOf(name),
      inputs: { type: "object", properties },
      outputs:
        list === undefined
          ? this.properties(promise.getText())
          : {
              type: "object",
              properties: { [list]: { ...this.type(promise), description } },
              required: [list],
            },
    };
  }

  /** The members of a type, and which of them are always there. */
  private properties(type: string, leftOut: readonly string[] = []): ObjectSpec {
    const properties: Properties = {};
    const required: string[] = [];
    for (const [name, members] of this.members(type)) {
      if (leftOut.includes(name)) continue;
      const [first] = members;
      if (ts.isPropertyAssignment(first) || first.type === undefined) {
        throw new Error(`${type}.${name} has no type`);
      }
      const spec = this.type(first.type);
      // The value of a key is the one secret of this API.
      const isSecret = name === "apiKey" || spec.$ref === refTo("AdoptedApiKey");
      properties[name] = {
        ...spec,
        description: members.map(docOf).join(" "),
        ...(isSecret ? { secret: true } : {}),
        // In C#, no member of a class can have its name.
        ...(name === lowerFirst(type) ? { language: { csharp: { name: "Value" } } } : {}),
      };
      if (members.every((one) => !isOptional(one))) required.push(name);
    }
    return { type: "object", properties, ...(required.length === 0 ? {} : { required }) };
  }

  /** The members of a declared type, or of the alternatives of a union, by name. */
  private members(name: string): Map<string, [Member, ...Member[]]> {
    const found = new Map<string, [Member, ...Member[]]>();
    const visit = (node: ts.Node): void => {
      if (isMember(node)) {
        const key = node.name.getText();
        const [first, ...others] = found.get(key) ?? [node];
        // What one alternative forbids is said last.
        if (first === node) found.set(key, [node]);
        else
          found.set(key, isForbidden(first) ? [node, first, ...others] : [first, ...others, node]);
      } else if (ts.isTypeReferenceNode(node) || ts.isExpressionWithTypeArguments(node)) {
        const declared = this.declarations.get(node.getText());
        if (declared !== undefined) ts.forEachChild(declared, visit);
      } else if (!ts.isClassElement(node)) {
        ts.forEachChild(node, visit);
      }
    };
    ts.forEachChild(this.declaration(name), visit);
    return found;
  }

  private type(node: ts.TypeNode): TypeSpec {
    if (ts.isUnionTypeNode(node)) {
      const [known, ...others] = node.types.filter(
        ({ kind }) => kind !== ts.SyntaxKind.UndefinedKeyword,
      );
      if (known !== undefined && others.length === 0) return this.type(known);
    }
    if (ts.isArrayTypeNode(node)) return { type: "array", items: this.type(node.elementType) };
    if (node.kind === ts.SyntaxKind.StringKeyword) return { type: "string" };
    if (node.kind === ts.SyntaxKind.BooleanKeyword) return { type: "boolean" };
    if (ts.isTypeReferenceNode(node)) return this.reference(node);
    throw new Error(`the schema has no type for ${node.getText()}`);
  }

  private reference(node: ts.TypeReferenceNode): TypeSpec {
    const name = node.typeName.getText();
    const [first, second] = typeArguments(node);
    if (first === undefined) return this.declaredType(name);
    if (second === undefined) return this.type(first);
    return { type: "object", additionalProperties: this.type(second) };
  }

  private declaredType(name: string): TypeSpec {
    const declaration = this.declaration(name);
    if (!ts.isTypeAliasDeclaration(declaration)) {
      this.types.set(name, { description: docOf(declaration), ...this.properties(name) });
      return { $ref: refTo(name) };
    }
    const values = literalsOf(declaration.type);
    // The server decides what is in an open set.
    if (values === undefined) return { type: "string" };
    const description = docOf(declaration);
    const named = values.map((value) => ({ name: pascalCase(value), value }));
    this.types.set(name, { description, type: "string", enum: named });
    // Editors offer the values. Others reach the provider, whose error says more than a compiler's.
    return { type: "string", oneOf: [{ type: "string" }, { $ref: refTo(name) }] };
  }

  private doc(name: string): string {
    return docOf(this.declaration(name));
  }

  private declaration(name: string): ts.Declaration {
    const found = this.declarations.get(name);
    if (found === undefined) throw new Error(`${name} is not declared in ${SOURCES.join(", ")}`);
    return found;
  }
}

/** The section of a description that Pulumi shows in the language of the example only. */
function exampleOf(name: string): string {
  const program = EXAMPLES[name];
  if (program === undefined) return "";
  return `\n\n{{% examples %}}\n{{% example %}}\n## Example Usage\n\n\`\`\`yaml\n${program}\n\`\`\`\n{{% /example %}}\n{{% /examples %}}`;
}

function packageInfo(manifest: unknown): object {
  const { version, homepage, repository, license, keywords } = manifestSchema.parse(manifest);
  const address = repository.url.replace(/^git\+|\.git$/g, "");
  const path = new URL(address).pathname.slice(1);
  const [publisher = ""] = path.split("/");
  return {
    name: "flexprice",
    displayName: "Flexprice",
    version,
    description: "Flexprice service accounts and API keys.",
    keywords: [...keywords, "kind/native"],
    homepage,
    license,
    repository: address,
    pluginDownloadURL: `github://api.github.com/${path}`,
    publisher,
    meta: { moduleFormat: "(.*)", supportPack: true },
    language: {
      nodejs: { packageName: `@${publisher}/flexprice`, respectSchemaVersion: true },
      python: {
        packageName: "pulumi_flexprice",
        pyproject: { enabled: true },
        respectSchemaVersion: true,
      },
      go: {
        importBasePath: `github.com/${path}/sdk/go/flexprice`,
        respectSchemaVersion: true,
      },
      csharp: { rootNamespace: "PulumiFlexprice", respectSchemaVersion: true },
      java: { basePackage: "io.github.pulumiflexprice", respectSchemaVersion: true },
    },
  };
}

const manifestSchema = z.object({
  version: z.string(),
  homepage: z.string(),
  repository: z.object({ url: z.string() }),
  license: z.string(),
  keywords: z.array(z.string()),
});

/** Marks an input whose change always replaces the resource, for Pulumi's reference pages. */
function asInput(spec: PropertySpec): PropertySpec {
  // replaceOnChanges would let the engine replace where the provider finds the same value in another spelling.
  return /Change: replaces/.test(spec.description) ? { ...spec, willReplaceOnChanges: true } : spec;
}

/** An input as the output of the same name: without the default, what a change does, and the offered values. */
function asOutput({ oneOf: _, ...spec }: PropertySpec): PropertySpec {
  return { ...spec, description: spec.description.replace(/ ?(?:Default|Change): .*/s, "") };
}

/** The texts of a union that has nothing else. */
function literalsOf(node: ts.TypeNode): string[] | undefined {
  const types = ts.isUnionTypeNode(node) ? node.types : [node];
  const texts = types.flatMap((type) =>
    ts.isLiteralTypeNode(type) && ts.isStringLiteral(type.literal) ? [type.literal.text] : [],
  );
  return texts.length === types.length ? texts : undefined;
}

function pascalCase(name: string): string {
  return name.replace(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase());
}

function lowerFirst(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}

function refTo(type: string): string {
  return `#/types/flexprice:index:${type}`;
}

/** The types of a file, and its functions and settings, by name. */
function declarationsOf(path: string): [string, ts.Declaration][] {
  const file = join(PROVIDER, `${path}.ts`);
  const source = ts.createSourceFile(
    file,
    readFileSync(file, "utf8"),
    ts.ScriptTarget.Latest,
    true,
  );
  return source.statements.flatMap((statement): [string, ts.Declaration][] => {
    if (ts.isVariableStatement(statement)) {
      return statement.declarationList.declarations.map((one) => [one.name.getText(), one]);
    }
    const isNamed =
      ts.isInterfaceDeclaration(statement) ||
      ts.isTypeAliasDeclaration(statement) ||
      ts.isClassDeclaration(statement) ||
      ts.isFunctionDeclaration(statement);
    return isNamed && statement.name !== undefined ? [[statement.name.text, statement]] : [];
  });
}

function isMember(node: ts.Node): node is Member {
  if (ts.isPropertyDeclaration(node)) {
    return !node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.StaticKeyword);
  }
  return ts.isPropertySignature(node) || ts.isPropertyAssignment(node);
}

/** Whether the member is only there to forbid it. */
function isForbidden(member: Member): boolean {
  return !ts.isPropertyAssignment(member) && member.type?.kind === ts.SyntaxKind.UndefinedKeyword;
}

function isOptional(member: Member): boolean {
  if (ts.isPropertyAssignment(member)) return true;
  return member.questionToken !== undefined || /\| undefined>?$/.test(member.type?.getText() ?? "");
}

function typeArguments(node: ts.TypeNode): readonly ts.TypeNode[] {
  return ts.isTypeReferenceNode(node) ? (node.typeArguments ?? []) : [];
}

/** The docstring of a declaration, as Markdown that names nothing of TypeScript. */
function docOf(node: ts.Node): string {
  const [jsDoc] = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc);
  const paragraphs = textOf(jsDoc?.comment).split(/\n\s*\n/);
  for (const tag of jsDoc?.tags ?? []) {
    if (ts.isJSDocThrowsTag(tag)) paragraphs.push(failures(textOf(tag.comment)));
  }
  const text = paragraphs.map((paragraph) => paragraph.replace(/\s*\n\s*/g, " ")).join("\n\n");
  if (text === "") throw new Error(`no docstring: ${node.getText()}`);
  return text;
}

function textOf(comment: ts.JSDoc["comment"]): string {
  return (ts.getTextOfJSDocComment(comment) ?? "").replace(
    /\{@link (?:\w+Args\.)?([\w.]+)\}/g,
    "`$1`",
  );
}

/** "LookupError of kind `a` if …; `b` for …; others if …" without the kinds: only TypeScript programs see them. */
function failures(throws: string): string {
  const cases = throws
    .split("; ")
    .map((one) => one.replace(/^(LookupError of kind )?`\w+` |^others /, ""));
  return `Fails ${cases.join("; ")}`;
}

if (require.main === module) writeFileSync(SCHEMA_FILE, schemaText());
