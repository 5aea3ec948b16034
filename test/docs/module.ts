const IMPORTS = [
  ["flexprice", "pulumi-flexprice"],
  ["pulumi", "@pulumi/pulumi"],
] as const;

/** A block as a whole program: what an earlier block of a page imports is imported here too. Lines keep their numbers. */
export function asModule(text: string): string {
  const missing = IMPORTS.filter(
    ([name, source]) =>
      new RegExp(`\\b${name}\\.`).test(text) &&
      !new RegExp(`"${source}"|(?:const|using) ${name} `).test(text),
  );
  const imports = missing.map(([name, source]) => `import * as ${name} from "${source}"; `);
  // A file without either is no module, and shares its names with all others.
  const end = /^(?:import|export) /m.test(text) ? "" : "\nexport {};";
  return `${imports.join("")}${text}${end}\n`;
}
