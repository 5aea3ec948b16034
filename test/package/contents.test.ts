import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, posix } from "node:path";
import { CHECKOUT, manifest } from "./manifest";
import { pack, type Tarball } from "./tarball";

/** Bytes. A download that has outgrown these is worth a thought before it is worth a larger number. */
const LIMITS = { packed: 370_000, unpacked: 1_500_000 };

const DOCUMENTS = ["package.json", "README.md", "LICENSE", "CHANGELOG.md"];

/** What looks like a credential, whosever. */
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

  it("holds the source, what it compiles to, and the documents: nothing else", () => {
    const sources = readdirSync(join(CHECKOUT, "provider"), { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts"))
      .map((path) => path.replaceAll("\\", "/"));
    const compiled = sources.flatMap((source) =>
      ["js", "d.ts", "d.ts.map"].map((ending) => `dist/${source.slice(0, -2)}${ending}`),
    );
    const expected = [
      ...DOCUMENTS,
      ...sources.map((source) => `provider/${source}`),
      ...compiled,
    ].sort();
    assert.deepEqual(paths, expected, "If dist/ has files of old sources: remove it, build again.");
  });

  it("holds every file that package.json names", () => {
    const { main, types, bin, exports } = manifest;
    const targets = Object.values(exports).flatMap((target) =>
      typeof target === "string" ? [target] : [target.types, target.default],
    );
    for (const target of [main, types, ...Object.values(bin), ...targets]) {
      assert.ok(paths.includes(posix.normalize(target)), `${target} is not packed`);
    }
  });

  it("has commands that a shell can start", () => {
    for (const script of Object.values(manifest.bin)) {
      assert.match(textOf(posix.normalize(script)), /^#!\/usr\/bin\/env node\n/);
    }
  });

  it("holds the source that each map points at", () => {
    for (const path of paths.filter((path) => path.endsWith(".map"))) {
      const { sources }: { sources: string[] } = JSON.parse(textOf(path));
      assert.notDeepEqual(sources, []);
      for (const source of sources) {
        assert.ok(paths.includes(posix.join(dirname(path), source)), `${path}: ${source}`);
      }
    }
  });

  it("tells no credential, and nothing of the machine that it was made on", () => {
    // The README shows the key that `dev-server` makes up from a seed, which a test of the README holds it to.
    const [, madeUp = ""] =
      /dev-server --seed .*?\n {2}(sk_\w+)\n/s.exec(textOf("README.md")) ?? [];
    for (const path of paths) {
      const text = textOf(path).replaceAll(madeUp, "");
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

function textOf(path: string): string {
  return readFileSync(join(CHECKOUT, path), "utf8");
}
