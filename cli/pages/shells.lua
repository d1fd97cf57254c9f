-- shells.lua - what bash and zsh load to complete our words: they ask the program itself, which reads its tables.
local shells = {}

-- Both programs are asked by dt-swarm-cli, the one beside the program that was typed. What it says is never run: bash
-- takes each line as it is, quoted by cli/typed_line.lua; zsh quotes it. A lone / stands for a path of the file system.
shells.bash = [=[
# bash completion for dt-swarm and dt-swarm-cli                -*- shell-script -*-

_dt_swarm() {
  local cli=${1/#\~\//$HOME/} found
  mapfile -t found < <("${cli%-cli}-cli" complete bash -- "$COMP_WORDBREAKS" "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
  COMPREPLY=()
  if [[ ${found[0]-} == / ]]; then
    compopt -o default 2>/dev/null
  else
    COMPREPLY=("${found[@]}")
  fi
}

complete -F _dt_swarm dt-swarm dt-swarm-cli
]=]

shells.zsh = [=[
#compdef dt-swarm dt-swarm-cli

local program=${(Q)words[1]/#\~\//$HOME/} said
local -a found
said=$("${program%-cli}-cli" complete zsh -- "${(@Q)words[1,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)
found=(${(f)said})
if [[ $found[1] == / ]]; then
  [[ $PREFIX == --*=* ]] && compset -P '*='
  _files
elif (( $#found )); then
  compadd -- "$found[@]"
fi
]=]

return shells
