import type { Command, Option } from "commander";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** A script that a shell reads once, made from the options that the parser knows. */
export function completionScript(shell: Shell, program: Command): string {
  return { bash, zsh, fish }[shell](completionsOf(program));
}

/** What a shell can complete: it knows the options of the command line without starting it. */
type Completions = ReturnType<typeof completionsOf>;

function completionsOf(program: Command) {
  const help = program.createHelp();
  return {
    name: program.name(),
    commands: program.commands.map((command) => ({
      name: command.name(),
      description: command.description(),
      options: help.visibleOptions(command),
      /** Values of its arguments. */
      values: command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []),
    })),
  };
}

/** Without a match, bash completes file names. */
function bash({ name, commands }: Completions): string {
  const takesValue = unique(commands.flatMap(({ options }) => options.filter(hasValue).map(long)));
  const cases = commands.map(
    (one) => `    ${one.name}) words="${[...one.values, ...one.options.map(long)].join(" ")}" ;;`,
  );
  return `type ${name} >/dev/null 2>&1 || ${name}() { npx ${name} "$@"; }
_pulumi_flexprice() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words=""
  COMPREPLY=()
  case "\${COMP_WORDS[COMP_CWORD-1]}" in ${takesValue.join("|")}) return ;; esac
  if [ "$COMP_CWORD" -eq 1 ]; then words="${commands.map((one) => one.name).join(" ")} --help --version"
  else case "\${COMP_WORDS[1]}" in
${cases.join("\n")}
  esac; fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _pulumi_flexprice ${name}
`;
}

function zsh({ name, commands }: Completions): string {
  const described = commands.map((one) => quote(`${one.name}:${one.description}`));
  const specs = commands.map(({ name: command, options, values }) => {
    const rest = values.length > 0 ? `1:value:(${values.join(" ")})` : "*:file:_files";
    return `    ${command}) _arguments ${[...options.map(zshOption), rest].map(quote).join(" ")} ;;`;
  });
  return `(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
type ${name} >/dev/null 2>&1 || ${name}() { npx ${name} "$@" }
_pulumi_flexprice() {
  if (( CURRENT == 2 )); then
    local -a commands=(${described.join(" ")})
    _describe command commands
    return
  fi
  shift words
  (( CURRENT-- ))
  case $words[1] in
${specs.join("\n")}
  esac
}
compdef _pulumi_flexprice ${name}
`;
}

function zshOption(option: Option): string {
  const description = option.description.replaceAll(/[[\]\\]/g, "\\$&");
  const repeats = option.variadic ? "*" : "";
  const value = !hasValue(option) ? "" : isFile(option) ? ":file:_files" : ":value: ";
  return `${repeats}${long(option)}[${description}]${value}`;
}

function fish({ name, commands }: Completions): string {
  const lines = commands.flatMap(({ name: command, description, options, values }) => {
    const after = `complete -c ${name} -n '__fish_seen_subcommand_from ${command}'`;
    const argument = (option: Option) => (!hasValue(option) ? "" : isFile(option) ? " -rF" : " -x");
    return [
      `complete -c ${name} -n __fish_use_subcommand -a ${command} -d ${quoteFish(description)}`,
      ...values.map((value) => `${after} -a ${value}`),
      ...options.map(
        (option) =>
          `${after} -l ${long(option).slice(2)}${argument(option)} -d ${quoteFish(option.description)}`,
      ),
    ];
  });
  return `type -q ${name}; or function ${name}; npx ${name} $argv; end
complete -c ${name} -f
${lines.join("\n")}
`;
}

function long(option: Option): string {
  return option.long ?? option.flags;
}

function hasValue({ required, optional }: Option): boolean {
  return required || optional;
}

function isFile({ flags }: Option): boolean {
  return /<files?\b/.test(flags);
}

function unique(names: readonly string[]): string[] {
  return [...new Set(names)];
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function quoteFish(text: string): string {
  return `'${text.replaceAll(/['\\]/g, "\\$&")}'`;
}
