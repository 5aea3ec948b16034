// The package is an optional peer: only policy packs need it, and Node's own words would not say so.
try {
  require.resolve("@pulumi/policy");
} catch {
  throw new Error(
    'pulumi-flexprice/policies needs the package @pulumi/policy: run "npm install @pulumi/policy" in the folder of PulumiPolicy.yaml.',
  );
}
