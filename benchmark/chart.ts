import * as echarts from "echarts";
import { OPERATIONS, PROVIDERS, type Provider } from "./provider-under-test";
import type { Results, Row } from "./rows";

/** A card with a background, and colors that differ in gray too: legible on light and dark pages. */
const COLORS: Record<Provider, string> = {
  "do-nothing": "#d0d7de",
  "requests-only": "#8c959f",
  "pulumi-flexprice": "#1f6feb",
  plugin: "#8250df",
  naive: "#d29922",
};
const PAPER = "#ffffff";
const INK = "#24292f";
const FONT = "system-ui, -apple-system, 'Segoe UI', sans-serif";

const LABEL = { show: true, position: "top", color: INK, fontSize: 9 } as const;
/** A long number is wider than its bar, and would overlap the next number. */
const UPRIGHT = { rotate: 90, align: "left", verticalAlign: "middle" } as const;

const WIDTH = 1000;
const HEIGHT = 380;

/** Seconds and requests of every operation at the largest size, as the text of an SVG. */
export function chart({ rows }: Results): string {
  const size = Math.max(...rows.map((row) => row.size));
  const largest = rows.filter((row) => row.size === size);
  const providers = PROVIDERS.filter((name) => largest.some(({ provider }) => provider === name));
  const image = echarts.init(null, null, {
    renderer: "svg",
    ssr: true,
    width: WIDTH,
    height: HEIGHT,
  });
  const count = size.toLocaleString("en");
  image.setOption({
    backgroundColor: PAPER,
    animation: false,
    textStyle: { fontFamily: FONT, fontSize: 13, color: INK },
    color: providers.map((provider) => COLORS[provider]),
    title: [
      title(`Seconds: ${count} accounts and ${count} keys`, "25%"),
      title("Requests to Flexprice", "75%"),
    ],
    legend: { bottom: 8, itemGap: 36, textStyle: { color: INK, fontSize: 13 } },
    grid: [
      { left: 56, right: "52%", top: 52, bottom: 76 },
      { left: "55%", right: 16, top: 52, bottom: 76 },
    ],
    xAxis: [0, 1].map((gridIndex) => ({
      gridIndex,
      type: "category",
      data: OPERATIONS.map((operation) => operation.replace(", ", ",\n")),
      axisTick: { show: false },
      axisLabel: { color: INK, interval: 0 },
    })),
    yAxis: [0, 1].map((gridIndex) => ({
      gridIndex,
      type: "value",
      axisLabel: { color: INK },
      splitLine: { lineStyle: { color: "#e6e9ed" } },
    })),
    series: providers.flatMap((provider) => [
      bars(provider, 0, largest, ({ seconds }) => seconds.toFixed(seconds < 10 ? 1 : 0)),
      bars(provider, 1, largest, ({ requests }) => String(requests)),
    ]),
  });
  const svg = image.renderToSVGString();
  image.dispose();
  const named = `<title>Seconds and requests of ${count} accounts and ${count} keys, by provider</title>`;
  return `${svg.replace(/^<svg[^>]*>/, `$&\n${named}`)}\n`;
}

function title(text: string, left: string): echarts.TitleComponentOption {
  return {
    text,
    left,
    top: 12,
    textAlign: "center",
    textStyle: { fontSize: 15, fontWeight: 600, color: INK, fontFamily: FONT },
  };
}

function bars(
  provider: Provider,
  panel: number,
  rows: readonly Row[],
  label: (row: Row) => string,
): echarts.BarSeriesOption {
  return {
    name: provider,
    type: "bar",
    xAxisIndex: panel,
    yAxisIndex: panel,
    barGap: "10%",
    data: OPERATIONS.flatMap((operation) =>
      rows
        .filter((row) => row.operation === operation && row.provider === provider)
        .map((row) => ({
          value: panel === 0 ? row.seconds : row.requests,
          label: shown(label(row)),
        })),
    ),
  };
}

function shown(number: string) {
  return { ...LABEL, formatter: number, ...(number.length > 3 ? UPRIGHT : {}) };
}
