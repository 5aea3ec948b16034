/** The file that the launchers start. */
export const BUNDLE = "pulumi-resource-flexprice.js";

const NO_NODE = "`node` is not on PATH";

/** Starts the plugin on Linux and macOS. */
export function shellLauncher(node: string): string {
  return `#!/bin/sh
if ! command -v node >/dev/null; then
  echo '${startError(NO_NODE, node)}' >&2
  exit 1
fi
exec node "\${0%/*}/${BUNDLE}" "$@"
`;
}

/** Starts the plugin on Windows. */
export function cmdLauncher(node: string): string {
  return `@echo off
where node >nul 2>nul && goto start
${startError(NO_NODE, node).replaceAll(/^.*$/gm, ">&2 echo $&")}
exit /b 1
:start
node "%~dp0${BUNDLE}" %*
`.replaceAll("\n", "\r\n");
}

/** How the bundle begins. An old Node must understand this, too. */
export function versionCheck(node: string): string {
  const [major, minor] = node.split(".");
  const version = "process.versions.node";
  const error = JSON.stringify(startError("this is Node.js #", node));
  return `(function (parts) {
  if (+parts[0] > ${major} || (+parts[0] === ${major} && +parts[1] >= ${minor})) return;
  console.error(${error}.replace("#", ${version}));
  process.exit(1);
})(${version}.split("."));`;
}

/** In the three parts of every error. */
function startError(reason: string, node: string): string {
  return `Could not start the Flexprice plugin.
  Reason: ${reason}
  What to do: install Node.js ${node} or later, and put it on PATH`;
}
