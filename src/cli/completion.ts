/**
 * Shell completion: a static script per shell; node names come from `kmips query` at the moment
 * of completion, so they are never out of date.
 */
import type { Command } from "commander";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** Commands whose arguments are nodes. */
const NODE_COMMANDS = [
  "plan",
  "build",
  "why",
  "key",
  "verify",
  "query",
  "graph",
  "log",
  "bundle",
  "export",
  "push",
  "update",
  "test",
];

/** The completion script for a shell, made from the program's own commands and options. */
export function completionScript(shell: Shell, program: Command): string {
  const names = program.commands.map((command) => command.name());
  const options = [
    ...new Set(
      [...program.options, ...program.commands.flatMap((c) => c.options)].map((o) => o.long ?? ""),
    ),
  ]
    .filter((name) => name !== "")
    .sort();
  switch (shell) {
    case "bash":
      return `# bash completion for kmips: put it where bash-completion looks, or source it
_kmips() {
  local current=\${COMP_WORDS[COMP_CWORD]} command=\${COMP_WORDS[1]}
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${names.join(" ")}" -- "$current"))
  elif [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "${options.join(" ")}" -- "$current"))
  else
    case $command in
      ${NODE_COMMANDS.join("|")}) COMPREPLY=($(compgen -W "$(kmips query 2>/dev/null)" -- "$current")) ;;
      completion) COMPREPLY=($(compgen -W "${SHELLS.join(" ")}" -- "$current")) ;;
      *) COMPREPLY=($(compgen -f -- "$current")) ;;
    esac
  fi
}
complete -F _kmips kmips
`;
    case "zsh":
      return `#compdef kmips
# zsh completion for kmips: save it as _kmips in a directory of $fpath
_kmips() {
  if (( CURRENT == 2 )); then
    compadd -- ${names.join(" ")}
  elif [[ $words[CURRENT] == -* ]]; then
    compadd -- ${options.join(" ")}
  else
    case $words[2] in
      ${NODE_COMMANDS.join("|")}) compadd -- \${(f)"$(kmips query 2>/dev/null)"} ;;
      completion) compadd -- ${SHELLS.join(" ")} ;;
      *) _files ;;
    esac
  fi
}
compdef _kmips kmips
`;
    case "fish":
      return `# fish completion for kmips: save it as kmips.fish in a completions directory
complete -c kmips -f
${program.commands.map((c) => `complete -c kmips -n __fish_use_subcommand -a ${c.name()} -d '${c.summary().replaceAll("'", "")}'`).join("\n")}
complete -c kmips -n "__fish_seen_subcommand_from ${NODE_COMMANDS.join(" ")}" -a "(kmips query 2>/dev/null)"
complete -c kmips -n "__fish_seen_subcommand_from completion" -a "${SHELLS.join(" ")}"
${options.map((name) => `complete -c kmips -l ${name.slice(2)}`).join("\n")}
`;
  }
}
