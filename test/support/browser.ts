import {
  createReadStream,
  createWriteStream,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress } from "node:zlib";
import { type Browser, chromium } from "playwright-core";
import { extract } from "tar";

/** The folder of a package that brings Chromium with its shared libraries and a font, for Linux on x64. */
const PACKED = join(dirname(require.resolve("@sparticuz/chromium")), "..", "..", "bin");

/** A headless Chromium. */
export interface TestBrowser {
  readonly browser: Browser;
  readonly close: () => Promise<void>;
}

/** Starts the Chromium that `npm ci` brings. On other machines, `CHROMIUM_PATH` names an installed one. */
export async function startBrowser(): Promise<TestBrowser> {
  const folder = mkdtempSync(join(tmpdir(), "pulumi-flexprice-browser-"));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    const installed = process.env["CHROMIUM_PATH"];
    const { executablePath, env } =
      installed === undefined ? await unpack(folder) : { executablePath: installed, env: {} };
    const browser = await chromium.launch({
      executablePath,
      env: { ...process.env, ...env },
      args: ["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND"],
    });
    return {
      browser,
      close: async () => {
        await browser.close();
        remove();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}

async function unpack(
  folder: string,
): Promise<{ executablePath: string; env: Record<string, string> }> {
  const { platform, arch } = process;
  if (platform !== "linux" || arch !== "x64") {
    throw new Error(
      `There is no Chromium for ${platform} on ${arch} in node_modules: set CHROMIUM_PATH to an installed one.`,
    );
  }
  const executablePath = join(folder, "chromium");
  const unpacked = (name: string) =>
    [createReadStream(join(PACKED, name)), createBrotliDecompress()] as const;
  await Promise.all([
    pipeline(...unpacked("chromium.br"), createWriteStream(executablePath, { mode: 0o700 })),
    ...["al2023", "fonts"].map(async (name) => {
      const cwd = join(folder, name);
      mkdirSync(cwd);
      await pipeline(...unpacked(`${name}.tar.br`), extract({ cwd }));
    }),
  ]);
  // The package's own configuration names folders of another system. Without any font, forms crash the browser.
  const fonts = join(folder, "fonts.conf");
  writeFileSync(
    fonts,
    `<fontconfig><dir>${join(folder, "fonts")}</dir><cachedir>${join(folder, "cache")}</cachedir></fontconfig>`,
  );
  const libraries = [join(folder, "al2023", "lib"), process.env["LD_LIBRARY_PATH"] ?? ""];
  return {
    executablePath,
    env: {
      FONTCONFIG_FILE: fonts,
      LD_LIBRARY_PATH: libraries.filter((folder) => folder !== "").join(":"),
    },
  };
}
