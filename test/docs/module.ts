const IMPORTS = [
  ["flexprice", "pulumi-flexprice"],
  ["pulumi", "@pulumi/pulumi"],
] as const;

/** Makes a block a whole program, with the imports of earlier blocks of the page. Line numbers stay. */
export function asModule(text: string): string {
  const missing = IMPORTS.filter(
    ([name, source]) =>
      new RegExp(`\\b${name}\\.`).test(text) &&
      !new RegExp(`"${source}"|(?:const|using) ${name} `).test(text),
  );
  const imports = missing.map(([name, source]) => `import * as ${name} from "${source}"; `);
  // A file without either is not a module, and shares its names with all others.
  const end = /^(?:import|export) /m.test(text) ? "" : "\nexport {};";
  return `${imports.join("")}${text}${end}\n`;
}
