// Imported first, so that it runs before any import of the optional peer fails with Node's less helpful message.
try {
  require.resolve("@pulumi/policy");
} catch {
  throw new Error(
    'pulumi-flexprice/policies needs the package @pulumi/policy: run "npm install @pulumi/policy" in the folder of PulumiPolicy.yaml.',
  );
}
