import assert from "node:assert/strict";
import type { ProgramSource } from "../../toolchain/workspace";
import { Bench, changes, succeeded } from "./harness";

const BODY = `
const account = new flexprice.ServiceAccount("ci", { roles: ["event_reader"] });
const key = new flexprice.ApiKey("ci", { serviceAccountId: account.id });
`;

const ES_MODULE = `
import * as flexprice from "pulumi-flexprice";
${BODY}
export const apiKey = key.apiKey;
`;

function manifest(more: Record<string, string>): Record<string, string> {
  return { "package.json": JSON.stringify({ name: "test", private: true, ...more }) };
}

const PROGRAMS: Record<string, ProgramSource> = {
  CommonJS: {
    language: "javascript",
    source: `
const flexprice = require("pulumi-flexprice");
${BODY}
module.exports = { apiKey: key.apiKey };
`,
  },
  "ES modules": {
    language: "javascript",
    source: `await Promise.resolve();${ES_MODULE}`,
    files: manifest({ type: "module", main: "index.js" }),
  },
  // The SDK takes it by require(), which knows no await outside of functions.
  "one ES module, index.mjs": {
    language: "javascript",
    source: "throw new Error('package.json names index.mjs')",
    files: { ...manifest({ main: "index.mjs" }), "index.mjs": ES_MODULE },
  },
};

describe("a program in", () => {
  for (const [language, { source, ...program }] of Object.entries(PROGRAMS)) {
    it(`${language} works`, async () => {
      const bench = await Bench.open(source, { program });
      try {
        const up = succeeded(await bench.up());
        assert.deepEqual(changes(up), ["create ServiceAccount ci", "create ApiKey ci"]);
        assert.equal((await bench.outputs())["apiKey"], bench.keys().at(0)?.value);
        succeeded(await bench.destroy());
        assert.deepEqual([bench.accounts(), bench.keys()], [[], []]);
      } finally {
        await bench.close();
      }
    });
  }
});
