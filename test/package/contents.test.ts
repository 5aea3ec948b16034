import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, posix } from "node:path";
import { linksOf } from "../docs/page";
import { CHECKOUT, manifest } from "./manifest";
import { pack, type Tarball } from "./tarball";

/** In bytes. If the package outgrows these, look for the reason before you raise them. */
const LIMITS = { packed: 310_000, unpacked: 1_150_000 };

const DOCUMENTS = [
  "package.json",
  "README.md",
  "LICENSE",
  "CHANGELOG.md",
  "SECURITY.md",
  "benchmark/results.svg",
];

/** The files of an example for users. The config of a stack or a key is not among them. */
const EXAMPLE_FILES =
  /^examples\/([\w-]+\/)*(README\.md|[\w-]+\.yaml|\.?[\w-]+\.json|[\w.-]+\.(ts|yml|py|go)|go\.mod|requirements\.txt)$/;

/** What no entry of the package names needs no types. */
const WITHOUT_TYPES = /^(api|cli|config|lifecycle|plugin|session|testing)\//;

/** A page that only people with a clone need. */
const NOT_PACKED = ["CONTRIBUTING.md"];

/** Anything that looks like a credential. */
const CREDENTIALS = [
  /\b[sp]k_[0-9A-HJKMNP-TV-Z]{26}\b/,
  /\bnpm_[A-Za-z0-9]{36}\b/,
  /\bgh[opsu]_[A-Za-z0-9]{36}\b/,
  /\bpul-[0-9a-f]{40}\b/,
  /\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\./,
  /_authToken/,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
];

describe("the tarball", () => {
  let tarball: Tarball;
  let paths: string[];
  before(async () => {
    tarball = await pack();
    paths = tarball.files.map(({ path }) => path).sort();
  });
  after(() => tarball?.dispose());

  it("contains the compiled code, the documents and the examples, and nothing else", () => {
    const compiled = filesIn("provider")
      .filter((path) => path.endsWith(".ts"))
      .flatMap((source) =>
        (WITHOUT_TYPES.test(source) ? ["js"] : ["js", "d.ts"]).map(
          (ending) => `dist/${source.slice(0, -2)}${ending}`,
        ),
      )
      .concat(
        ["PulumiPlugin.yaml", "package.json", "schema.json"].map((file) => `dist/plugin/${file}`),
      );
    const pages = filesIn("docs")
      .filter((path) => /\.(md|svg)$/.test(path))
      .map((path) => `docs/${path}`);
    const others = paths.filter((path) => !EXAMPLE_FILES.test(path));
    const expected = [...DOCUMENTS, ...pages, ...compiled].sort();
    assert.deepEqual(
      others,
      expected,
      "If dist/ has files of old sources: remove it, build again.",
    );
  });

  it("contains everything that its documents link to", () => {
    const pages = paths.filter((path) => path.endsWith(".md"));
    const links = pages.flatMap((page) => linksOf(page).map(({ target }) => ({ page, target })));
    assert.notDeepEqual(links, []);
    const isPacked = (target: string) =>
      paths.some((path) => path === target || path.startsWith(`${target}/`));
    assert.deepEqual(
      links.filter(({ target }) => !isPacked(target) && !NOT_PACKED.includes(target)),
      [],
    );
  });

  it("contains every file that package.json names", () => {
    const { main, types, bin, exports } = manifest;
    const targets = Object.values(exports).flatMap((target) =>
      typeof target === "string" ? [target] : [target.types, target.default],
    );
    for (const target of [main, types, ...Object.values(bin), ...targets]) {
      assert.ok(paths.includes(posix.normalize(target)), `${target} is not packed`);
    }
  });

  it("contains commands that a shell can start", () => {
    for (const script of Object.values(manifest.bin)) {
      assert.match(textOf(posix.normalize(script)), /^#!\/usr\/bin\/env node\n/);
    }
  });

  it("contains no credential, and no path of the machine that packed it", () => {
    // A page shows the key that `dev-server` generates from a seed, which another test checks.
    const [, generated] =
      /dev-server --seed .*?\n {2}(sk_\w+)\n/s.exec(textOf("docs/cli.md")) ?? [];
    assert.ok(generated);
    for (const path of paths) {
      const text = textOf(path).replaceAll(generated, "");
      for (const shape of CREDENTIALS) assert.doesNotMatch(text, shape, path);
      for (const place of [CHECKOUT, homedir()]) {
        assert.ok(!text.includes(`${place}/`), `${path} names ${place}`);
      }
    }
  });

  it(`is at most ${LIMITS.packed / 1000} kB, and ${LIMITS.unpacked / 1000} kB unpacked`, () => {
    assert.ok(tarball.size <= LIMITS.packed, `${tarball.size} bytes packed`);
    assert.ok(tarball.unpackedSize <= LIMITS.unpacked, `${tarball.unpackedSize} bytes unpacked`);
  });
});

function filesIn(folder: string): string[] {
  return readdirSync(join(CHECKOUT, folder), { recursive: true, encoding: "utf8" }).map((path) =>
    path.replaceAll("\\", "/"),
  );
}

function textOf(path: string): string {
  return readFileSync(join(CHECKOUT, path), "utf8");
}
