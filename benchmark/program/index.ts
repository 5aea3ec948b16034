import type * as pulumi from "@pulumi/pulumi";
import { answeredBy } from "./answered-by";

/** Accounts with one key each, by the provider under test. */
interface ProviderUnderTest {
  ServiceAccount: new (name: string, args: { roles: string[] }) => pulumi.CustomResource;
  ApiKey: new (
    name: string,
    args: { serviceAccountId: pulumi.Output<string> },
  ) => pulumi.CustomResource;
}

const contestants: Record<string, () => ProviderUnderTest> = {
  "pulumi-flexprice": () => require("pulumi-flexprice"),
  "do-nothing": () => answeredBy("./do-nothing-answers.cjs"),
  "requests-only": () => answeredBy("./requests-only-answers.cjs"),
  plugin: () => require("./plugin"),
  naive: () => require("./naive"),
};

const { BENCHMARK_PROVIDER = "", BENCHMARK_SIZE } = process.env;
const provider = contestants[BENCHMARK_PROVIDER]?.();
if (provider === undefined) throw new Error("BENCHMARK_PROVIDER names no provider.");

for (let i = 0; i < Number(BENCHMARK_SIZE); i++) {
  const account = new provider.ServiceAccount(`account-${i}`, { roles: ["event_ingestor"] });
  new provider.ApiKey(`key-${i}`, { serviceAccountId: account.id });
}
