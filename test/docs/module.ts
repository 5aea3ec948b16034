const IMPORTS = [
  ["flexprice", "pulumi-flexprice"],
  ["pulumi", "@pulumi/pulumi"],
] as const;

/** A block as a whole program: what an earlier block of a page imports is imported here too. Lines keep their numbers. */
export function asModule(text: string): string {
  const missing = IMPORTS.filter(
    ([name, source]) => new RegExp(`\\b${name}\\.`).test(text) && !text.includes(`"${source}"`),
  );
  return `${missing.map(([name, source]) => `import * as ${name} from "${source}"; `).join("")}${text}\nexport {};\n`;
}
