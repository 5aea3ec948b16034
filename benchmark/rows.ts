import type { Conditions, Measurement, Operation, Provider } from "./provider-under-test";

/** The medians of all rounds of one operation, by one provider, at one size. */
export interface Row extends Omit<Measurement, "requests"> {
  readonly size: number;
  readonly operation: Operation;
  readonly provider: Provider;
  readonly rounds: number;
  readonly requests: number;
  /** The requests for changes. */
  readonly writes: number;
  /** Seconds as a multiple of the do-nothing provider's in the same round. */
  readonly timesNothing: number;
}

export interface Results {
  readonly machine: {
    readonly cores: number;
    readonly memoryGiB: number;
    readonly node: string;
    readonly pulumi: string;
    readonly sdk: string;
  };
  readonly conditions: Conditions;
  readonly rows: readonly Row[];
}

/** One operation in one round: the measurement of each provider. */
export type Round = Readonly<Partial<Record<Provider, Measurement>>>;

export function rowOf(
  size: number,
  operation: Operation,
  provider: Provider,
  rounds: readonly Round[],
): Row {
  const own = rounds.flatMap((round) => round[provider] ?? []);
  const middle = (of: (measurement: Measurement) => number) => median(own.map(of));
  const times = rounds.flatMap(({ [provider]: mine, "do-nothing": nothing }) =>
    mine === undefined || nothing === undefined ? [] : [mine.seconds / nothing.seconds],
  );
  return {
    size,
    operation,
    provider,
    rounds: rounds.length,
    seconds: middle(({ seconds }) => seconds),
    timesNothing: median(times),
    requests: middle(({ requests }) => requests.all),
    writes: middle(({ requests }) => requests.writes),
    stateBytes: middle(({ stateBytes }) => stateBytes),
    peakBytes: middle(({ peakBytes }) => peakBytes),
    cpuSeconds: middle(({ cpuSeconds }) => cpuSeconds),
  };
}

/** The row of the same operation and provider at the next smaller size. */
export function smaller(row: Row, rows: readonly Row[]): Row | undefined {
  return rows
    .filter(({ operation, provider }) => operation === row.operation && provider === row.provider)
    .filter(({ size }) => size < row.size)
    .sort((a, b) => b.size - a.size)[0];
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const [low = Number.NaN, high = Number.NaN] = [
    sorted[Math.floor(middle)],
    sorted[Math.ceil(middle)],
  ];
  return (low + high) / 2;
}
