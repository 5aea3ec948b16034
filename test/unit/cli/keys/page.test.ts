import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { BrowserContextOptions, Page } from "playwright-core";
import type { EmulatedKey, EmulatedUser } from "../../../../provider/emulator";
import { startBrowser, type TestBrowser } from "../../../support/browser";
import { DAY, UnitFixture } from "../../fixture";
import { accountResource, keyResource } from "../exported";
import { CliFixture } from "../fixture";

const HOSTILE = `<script>document.title = "taken"</script><img src=x onerror="document.title='taken'">"'&`;

describe("cli/keys --html in Chromium", () => {
  let cli: CliFixture;
  let chromium: TestBrowser;
  let page: Page;
  let url: string;
  let problems: string[];
  let requests: string[];
  let accounts: Record<"ingestor" | "reports" | "hostile", EmulatedUser>;
  let keys: Record<"current" | "left" | "soon" | "dead" | "endless" | "hostile", EmulatedKey>;

  before(async function () {
    this.timeout(60_000);
    chromium = await startBrowser();
    cli = CliFixture.on(await UnitFixture.start());
    const at = (days: number) => new Date(cli.server.clock.now + days * DAY);
    const ingestor = cli.account("ingestor");
    const reports = cli.account("reports", ["event_reader"]);
    const hostile = cli.account(HOSTILE);
    accounts = { ingestor, reports, hostile };
    keys = {
      current: cli.key(ingestor.id, "ingestor-7k3d9x2m4p", at(60)),
      left: cli.key(ingestor.id, "ingestor-0123456789", at(10)),
      soon: cli.key(reports.id, "soon", at(9)),
      dead: cli.key(reports.id, "dead", at(1)),
      endless: cli.key(reports.id, "endless"),
      hostile: cli.key(hostile.id, HOSTILE, at(80)),
    };
    cli.server.clock.now += 2 * DAY;
    const predecessors = [{ id: keys.left.id, expiresAt: String(keys.left.expiresAt) }];
    const resources = [
      accountResource(ingestor),
      keyResource(keys.current, { onDelete: "expire", rotateBefore: "14d", predecessors }),
      keyResource(keys.hostile, { rotateBefore: "14d" }),
    ];
    cli.writeExport("prod.json", resources);
    await cli.command("keys", "--stack-export", "prod.json", "--html", "keys.html");
    url = pathToFileURL(join(cli.directory, "keys.html")).href;
  });
  after(async () => {
    await chromium?.close();
    cli?.close();
    await cli?.server.stop();
  });
  afterEach(async () => {
    await page.context().close();
    assert.deepEqual(problems, []);
    assert.deepEqual(requests, [url]);
  });

  async function open(options: BrowserContextOptions = {}): Promise<void> {
    const context = await chromium.browser.newContext(options);
    page = await context.newPage();
    problems = [];
    requests = [];
    page.on("console", (message) => problems.push(message.text()));
    page.on("pageerror", (error) => problems.push(error.message));
    page.on("request", (request) => requests.push(request.url()));
    await page.goto(url);
  }

  /** The ids of the rows that can be seen. */
  async function shown(): Promise<string[]> {
    const rows = await page.locator("tbody tr").all();
    const visible = await Promise.all(rows.map((row) => row.isVisible()));
    const ids = await Promise.all(rows.map((row) => row.getAttribute("id")));
    return ids.flatMap((id, i) => (id !== null && visible[i] ? [id] : []));
  }

  async function assertShown(...names: (keyof typeof keys)[]): Promise<void> {
    assert.deepEqual((await shown()).sort(), names.map((name) => keys[name].id).sort());
    assert.equal(await page.getByRole("status").textContent(), `${names.length} of 7 keys`);
  }

  const operatorKeyId = () => String(cli.server.emulator.keys()[0]?.id);
  const filter = (label: string) => page.getByRole("combobox", { name: label });

  it("shows a row per key, ordered by expiry", async () => {
    await open();
    const { dead, soon, left, current, hostile, endless } = keys;
    assert.deepEqual(await shown(), [
      ...[dead, soon, left, current, hostile].map(({ id }) => id),
      ...[operatorKeyId(), endless.id],
    ]);
    const row = page.locator(`[id="${keys.current.id}"]`);
    const texts = await row.getByRole("cell").allInnerTexts();
    assert.deepEqual(
      texts.map((text) => text.replace(/\s+/g, " ").trim()),
      [
        `ingestor-7k3d9x2m4p ${keys.current.id} ${keys.current.displayId}`,
        `ingestor ${accounts.ingestor.id}`,
        ...["event_ingestor", "2026-11-24", "in 57d 2027-01-23", "in 43d"],
        ...[`shop/prod ${keys.current.id}`, "none"],
      ],
    );
  });

  it("shows everything without JavaScript, except for the filters", async () => {
    await open({ javaScriptEnabled: false });
    assert.equal((await shown()).length, 7);
    assert.equal(await page.locator("form").isVisible(), false);
    assert.equal(await page.getByText("No key matches these filters.").isVisible(), false);
    assert.equal(await page.locator(".timeline a .mark").count(), 7);
  });

  it("shows names as text, even if they contain markup", async () => {
    await open();
    const row = page.locator(`[id="${keys.hostile.id}"]`);
    assert.equal(await row.locator("strong").textContent(), HOSTILE);
    assert.equal(await page.title(), `API keys of ${cli.server.operator.tenantId}`);
    assert.equal(await page.locator("img").count(), 0);
    const owner = await filter("Owner").locator("option").allTextContents();
    assert(owner.includes(HOSTILE));
  });

  it("runs no script but its own, even if another one gets into the page", async () => {
    await open();
    await page.evaluate(`{
      const script = document.createElement("script");
      script.textContent = "document.title = 'taken'";
      document.body.append(script);
    }`);
    assert.match(await page.title(), /^API keys of /);
    assert.match(problems.join(), /Content Security Policy/);
    problems = [];
  });

  it("filters by text, problem, owner and stack", async () => {
    await open();
    await page.getByRole("searchbox", { name: "Text" }).fill("INGESTOR 7k3d");
    await assertShown("current");
    await page.getByRole("button", { name: "Show all" }).click();
    assert.equal((await shown()).length, 7);
    await filter("Problem").selectOption("any problem");
    assert.deepEqual((await shown()).length, 4);
    await filter("Problem").selectOption("no problem");
    await assertShown("current", "hostile", "left");
    await filter("Problem").selectOption("left to expire by a rotation");
    await assertShown("left");
    await filter("Problem").selectOption("never expires");
    await filter("Owner").selectOption("reports");
    await assertShown("endless");
    await filter("Problem").selectOption("all");
    await assertShown("soon", "dead", "endless");
    await filter("Owner").selectOption("all");
    await filter("Stack").selectOption("shop/prod");
    await assertShown("current", "left", "hostile");
    await filter("Stack").selectOption("in no given stack");
    await assertShown("soon", "endless");
    await filter("Owner").selectOption("ingestor");
    await assertShown();
    assert.equal(await page.getByText("No key matches these filters.").isVisible(), true);
    assert.equal(await page.locator(".marks .faded").count(), 7);
  });

  it("can be used with a keyboard alone", async () => {
    await open();
    const focused = () =>
      page.evaluate<string>(
        `(({ tagName, name, hash, id }) => [tagName, name || hash || id].join(" "))(document.activeElement)`,
      );
    const order: string[] = [];
    for (let i = 0; i < 12; i += 1) {
      await page.keyboard.press("Tab");
      order.push(await focused());
    }
    const { dead, soon, left, current, hostile } = keys;
    assert.deepEqual(order, [
      "A #keys",
      ...[dead.id, soon.id, left.id, current.id, hostile.id, operatorKeyId()].map(
        (id) => `A #${id}`,
      ),
      ...["INPUT text", "SELECT problem", "SELECT owner", "SELECT stack", "BUTTON "],
    ]);
    await page.locator(`a[href="#${keys.current.id}"]`).focus();
    await page.keyboard.press("Enter");
    await page.waitForFunction(`document.activeElement.id === "${keys.current.id}"`);
  });

  it("links the timeline to keys, even if the filters hide them", async () => {
    await open();
    await filter("Owner").selectOption("reports");
    await page.locator(`a[href="#${keys.current.id}"]`).click();
    await page.waitForFunction(`document.activeElement.id === "${keys.current.id}"`);
    assert.equal((await shown()).length, 7);
  });

  it("names its parts for assistive technology", async () => {
    await open();
    const tree = await page.locator("body").ariaSnapshot();
    for (const part of [
      '- link "Skip to the keys"',
      "- banner",
      "- main",
      '- region "Overview"',
      '- region "When keys expire"',
      `- 'link "2027-01-21 to 2027-01-28: 1 key"'`,
      '- region "Keys"',
      '- search "Filter the keys"',
      '- searchbox "Text"',
      '- combobox "Problem"',
      '- table "7 keys by expiry, those that never expire last"',
      '- columnheader "Expires"',
      "- contentinfo",
    ]) {
      assert(tree.includes(part), `${part} is not in\n${tree}`);
    }
  });

  it("shows the state of a key by shape, not by color alone", async () => {
    await open();
    const shapes = await page
      .locator("tbody tr td:first-child use")
      .evaluateAll((uses) => uses.map((use) => use.getAttribute("href")));
    assert.deepEqual(shapes, [
      ...["#expired", "#soon", "#left", "#fine", "#fine", "#never", "#never"],
    ]);
    const legend = await page.locator(".legend li").allInnerTexts();
    assert.deepEqual(
      legend.map((text) => text.trim()),
      [
        ...["expires in time", "expires soon, or its rotation is due"],
        ...["left to expire by a rotation", "expired", "never expires"],
      ],
    );
  });

  for (const colorScheme of ["light", "dark"] as const) {
    it(`has enough contrast on a ${colorScheme} screen`, async () => {
      await open({ colorScheme });
      const low = await page.evaluate<string[]>(LOW_CONTRAST);
      assert.deepEqual(low, []);
    });
  }

  for (const width of [360, 800, 1200]) {
    it(`needs no horizontal scrolling at ${width} pixels`, async () => {
      await open({ viewport: { width, height: 800 } });
      const [needed, visible] = await page.evaluate<[number, number]>(
        "[document.documentElement.scrollWidth, innerWidth]",
      );
      assert.deepEqual([needed, visible], [width, width]);
      assert.equal(await page.getByRole("table").getByRole("row").count(), 8);
    });
  }

  it("prints every key in black, without the filters", async () => {
    await open();
    await page.emulateMedia({ media: "print" });
    assert.equal(await page.locator("form").isVisible(), false);
    assert.equal((await shown()).length, 7);
    const fill = await page.evaluate(
      `getComputedStyle(document.querySelector(".mark.expired")).fill`,
    );
    assert.equal(fill, "rgb(0, 0, 0)");
  });
});

/** The texts whose contrast to their background is below 4.5, as WCAG's level AA asks. */
const LOW_CONTRAST = `(() => {
  const luminance = (color) => {
    const [r, g, b] = color.match(/[\\d.]+/g).map((part) => part / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const backgroundOf = (element) => {
    for (let parent = element; parent; parent = parent.parentElement) {
      const color = getComputedStyle(parent).backgroundColor;
      if (!/, 0\\)$/.test(color)) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== "");
  return [...document.querySelectorAll("body *")].filter((element) => hasText(element) && element.checkVisibility()).flatMap((element) => {
    const [light, dark] = [getComputedStyle(element).color, backgroundOf(element)].map(luminance).sort((a, b) => b - a);
    const contrast = (light + 0.05) / (dark + 0.05);
    return contrast < 4.5 ? [element.tagName + " " + element.textContent.slice(0, 30) + " " + contrast.toFixed(2)] : [];
  });
})()`;
