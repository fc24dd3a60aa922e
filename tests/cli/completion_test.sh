#!/usr/bin/env bash
# What shells offer by the scripts of `ddim completion`, in those that are installed; bash is.
#   completion_test.sh DDIM
set -eu
ddim=$(realpath "$1")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
touch files-alone
failures=0

# What must be offered, or come first of it, for the last word of a line.
check() {
  local shell=$1 line=$2 expected=$3 found=$4
  [[ " $found " == *" $expected "* ]] && return
  echo "$shell: \"$line\" offers \"$found\"; expected $expected"
  failures=$((failures + 1))
}
no_offer() {
  local shell=$1 line=$2 refused=$3 found=$4
  [[ " $found " != *" $refused "* ]] && return
  echo "$shell: \"$line\" offers $refused"
  failures=$((failures + 1))
}

# A line, and what is offered for its last word.
cases=(
  'ddim sa|sample'
  'ddim --vers|--version'
  'ddim --config f.toml sa|sample'
  'ddim --config=f.toml sa|sample'
  'ddim --config f.toml sample --steps-o|--steps-offset'
  'ddim sample --sampler uni|unipc'
  'ddim sample --clip --steps-o|--steps-offset'
  'ddim sample --out train --steps-o|--steps-offset'
  'ddim sample --tau trail|trailing'
  'ddim sample --dev|--device'
  'ddim help --m|--man'
  'ddim help filmst|filmstrip'
  'ddim help sample --m|--man'
  'ddim completion ba|bash'
  'ddim plan --con|--config'
  'ddim sample --quiet --sampler unip|unipc'
)

"$ddim" completion bash > bash.sh
in_bash() {
  (
    # As the shell splits words: also at =.
    local line=${1//=/ = }
    read -ra COMP_WORDS <<< "$line"
    [[ $line != *' ' ]] || [[ $1 == *= ]] || COMP_WORDS+=('')
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    compopt() { echo files; }  # of a completion that goes on
    source bash.sh
    _ddim
    echo "${COMPREPLY[*]-}"
  ) | tr '\n' ' '
}
for case in "${cases[@]}"; do check bash "${case%|*}" "${case#*|}" "$(in_bash "${case%|*}")"; done
check bash 'ddim sample --sampler=uni' unipc "$(in_bash 'ddim sample --sampler=uni')"
check bash 'ddim sample --sampler=' unipc "$(in_bash 'ddim sample --sampler=')"
check bash 'ddim sample --clip=keep' keep-eps "$(in_bash 'ddim sample --clip=keep')"
check bash 'ddim --config ' files "$(in_bash 'ddim --config ')"
check bash 'ddim --config=' files "$(in_bash 'ddim --config=')"
check bash 'ddim sample --out ' files "$(in_bash 'ddim sample --out ')"
no_offer bash 'ddim sample --out train --' --max-steps "$(in_bash 'ddim sample --out train --')"

if command -v fish > /dev/null; then
  "$ddim" completion fish > ddim.fish
  in_fish() { fish --no-config -c "source ddim.fish; complete -C '$1'" | cut -f1 | tr '\n' ' '; }
  for case in "${cases[@]}"; do check fish "${case%|*}" "${case#*|}" "$(in_fish "${case%|*}")"; done
  check fish 'ddim sample --clip=keep' --clip=keep-eps "$(in_fish 'ddim sample --clip=keep')"
  no_offer fish 'ddim sample --out train --' --max-steps "$(in_fish 'ddim sample --out train --')"
  no_offer fish 'ddim help sample --' --steps "$(in_fish 'ddim help sample --')"
fi

if command -v zsh > /dev/null; then
  "$ddim" completion zsh > _ddim
  # One match alone is put into the line, which an own widget then writes out.
  cat > session.zsh <<'EOF'
autoload -Uz compinit
compinit -u -D
source ./_ddim
zmodload zsh/zpty
report() { print -r -- "line:$BUFFER" >> lines; BUFFER=; }
zle -N report
bindkey '^X' report
bindkey '^I' complete-word
EOF
  cat > drive.zsh <<'EOF'
zmodload zsh/zpty
zpty shell "zsh -f -i"
zpty -w shell "source ./session.zsh; print ready > begun"
until [[ -e begun ]]; do sleep 0.05; zpty -rt shell output || true; done
for line in "$@"; do
  zpty -n -w shell "$line"$'\t'$'\x18'
  count=$((${count:-0} + 1))
  until [[ -e lines && $(wc -l < lines) -ge $count ]]; do sleep 0.05; zpty -rt shell output || true; done
done
zpty -d shell
EOF
  lines=()
  for case in "${cases[@]}" 'ddim sample --sampler=uni|--sampler=unipc'; do lines+=("${case%|*}"); done
  zsh -f drive.zsh "${lines[@]}" < /dev/null > /dev/null 2> zsh.log || cat zsh.log
  number=0
  for case in "${cases[@]}" 'ddim sample --sampler=uni|--sampler=unipc'; do
    number=$((number + 1))
    check zsh "${case%|*}" "${case#*|}" "$(sed -n "s/^line://;s/=\$//;${number}p" lines)"
  done
fi

if [ "$failures" -gt 0 ]; then exit 1; fi
