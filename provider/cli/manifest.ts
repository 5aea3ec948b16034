import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

const shape = z.object({
  name: z.string(),
  version: z.string(),
  engines: z.object({ node: z.string() }),
  peerDependencies: z.object({ "@pulumi/pulumi": z.string() }),
});

/** This package's own package.json. */
export const manifest = shape.parse(
  JSON.parse(readFileSync(join(__dirname, "..", "..", "package.json"), "utf8")),
);
