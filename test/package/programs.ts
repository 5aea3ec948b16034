import type { ProgramSource } from "../../scripts/workspace";

const BODY = `
const account = new flexprice.ServiceAccount("ci", { roles: ["event_reader"] });
const key = new flexprice.ApiKey("ci", { serviceAccountId: account.id });
`;

const ES_MODULE = `
import * as flexprice from "pulumi-flexprice";
${BODY}
export const apiKey = key.apiKey;
export const programNode = process.versions.node;
`;

/** Without @types/node: a program's folder without a compiler does not have it. */
const WITHOUT_NODE_TYPES = `declare const process: { versions: { node: string } };${ES_MODULE}`;

function manifest(more: Record<string, string>): Record<string, string> {
  return { "package.json": JSON.stringify({ name: "test", private: true, ...more }) };
}

function tsconfig(module: string, moduleResolution: string): Record<string, string> {
  const compilerOptions = { target: "es2022", module, moduleResolution, strict: true };
  return { "tsconfig.json": JSON.stringify({ compilerOptions }) };
}

/** One program, in the forms that only need the SDK. */
export const SDK_ALONE: Record<string, ProgramSource> = {
  "TypeScript, by the compiler that the SDK brings": { source: WITHOUT_NODE_TYPES },
  "JavaScript, ES modules": {
    language: "javascript",
    source: `await Promise.resolve();${ES_MODULE}`,
    files: manifest({ type: "module", main: "index.js" }),
  },
  "JavaScript, CommonJS": {
    language: "javascript",
    source: `
const flexprice = require("pulumi-flexprice");
${BODY}
module.exports = { apiKey: key.apiKey, programNode: process.versions.node };
`,
  },
  // The SDK takes it by require(), which knows no await outside of functions.
  "JavaScript, one ES module, index.mjs": {
    language: "javascript",
    source: "throw new Error('package.json names index.mjs')",
    files: { ...manifest({ main: "index.mjs" }), "index.mjs": ES_MODULE },
  },
};

/** The same program, in the forms with their own compiler: typescript and ts-node. */
export const OWN_COMPILER: Record<string, ProgramSource> = {
  "TypeScript, CommonJS, with the tsconfig.json of Pulumi's template": {
    source: ES_MODULE,
    files: tsconfig("commonjs", "node"),
  },
  "TypeScript, ES modules": {
    source: `await Promise.resolve();${ES_MODULE}`,
    files: manifest({ type: "module", main: "index.ts" }),
  },
  "TypeScript, ES modules, with ts-node as loader": {
    source: `await Promise.resolve();${ES_MODULE}`,
    runtimeOptions: { nodeargs: "--loader ts-node/esm --no-warnings" },
    files: {
      ...manifest({ type: "module", main: "index.ts" }),
      ...tsconfig("nodenext", "nodenext"),
    },
  },
};
