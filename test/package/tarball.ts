import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { output } from "./command";
import { CHECKOUT } from "./manifest";

const packOutput = z.tuple([
  z.object({
    filename: z.string(),
    size: z.number(),
    unpackedSize: z.number(),
    files: z.array(z.object({ path: z.string(), mode: z.number() })),
  }),
]);

/** The file that `npm publish` would send. */
export interface Tarball {
  readonly file: string;
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { path: string; mode: number }[];
  dispose(): void;
}

/** Packs the current build. */
export async function pack(): Promise<Tarball> {
  const folder = mkdtempSync(join(tmpdir(), "pulumi-flexprice-tarball-"));
  const dispose = () => rmSync(folder, { recursive: true, force: true });
  try {
    const args = ["pack", "--ignore-scripts", "--json", "--pack-destination", folder];
    const [packed] = packOutput.parse(JSON.parse(await output("npm", args, { cwd: CHECKOUT })));
    return { ...packed, file: join(folder, packed.filename), dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}
