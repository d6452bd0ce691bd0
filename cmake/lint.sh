#!/usr/bin/env bash
# The house rules that a machine can check: lint.sh REPOSITORY. Prints every breach, exits 1 if there is one.
set -euo pipefail
cd "${1:?usage: lint.sh REPOSITORY}"

breaches=0
# report TITLE: the lines of standard input are breaches of one rule.
report() {
  local lines
  lines=$(cat)
  [ -n "$lines" ] || return 0
  printf '%s\n%s\n\n' "$1" "$(sed 's/^/  /' <<<"$lines")"
  breaches=$((breaches + 1))
}
files() { git ls-files --cached --others --exclude-standard -- "$@" | while read -r file; do [ ! -f "$file" ] || echo "$file"; done; }
sources() { files '*.cpp' '*.hpp' '*.h' '*.c' '*.py' '*.sh' '*.cmake' run; }

shopt -s lastpipe nullglob
sources | xargs -r wc -l | awk '$2 != "total" && $1 > 400 {print $1 " lines: " $2}' \
  | report "A file has one idea and at most 400 lines:"

files . | grep -iE '(^|/)(utils?|common|helpers?|misc)(\.|/|$)' \
  | report "A drawer says nothing; name what is inside:" || true

families='llama|qwen|deepseek|gemma|mistral|nemotron|olmoe|bailing|falcon|kimi|minimax|moonlight|sarvam|mimo|gpt[_-]?oss'
for folder in plugins/*/; do [ "$folder" = plugins/multimodal/ ] || families+="|$(basename "$folder")"; done
{ files host sdk/include gui | xargs -r grep -niE "$families" || true; } \
  | report "The host, the SDK headers and the GUI name no family:"

{ files plugins | xargs -r grep -nE '#include *[<"]([^">]*/)?host/' || true
  for room in host/*/; do
    files plugins | xargs -r grep -nE "#include *[<\"]$(basename "$room")/" || true
  done; } | report "A plugin includes the SDK and nothing of the host:"

{ files 'host/*.cpp' 'host/*.hpp' 'sdk/*.hpp' | xargs -r grep -nE '^ *using namespace ' || true; } | report "No using namespace:"

# Advice, for what differs from the last commit: an older file is formatted when it is touched.
if command -v clang-format >/dev/null; then
  unformatted=$({ git diff --name-only --diff-filter=d HEAD -- '*.cpp' '*.hpp' '*.h'
    git ls-files --others --exclude-standard -- '*.cpp' '*.hpp' '*.h'; } | while read -r file; do
    clang-format --dry-run --Werror "$file" 2>/dev/null || echo "$file"
  done)
  [ -z "$unformatted" ] || printf 'clang-format would change these changed files (no breach):\n%s\n\n' "$(sed 's/^/  /' <<<"$unformatted")"
fi

# How long families are: their code, without comments and empty lines.
for folder in plugins/*/; do
  lines=$(files "$folder" | grep -E '\.(cpp|hpp)$' | xargs -r cat | grep -cvE '^ *(//.*)?$' || true)
  models=$(grep -hoE '"[A-Za-z0-9_]+For[A-Za-z]+"' "$folder"*.json | sort -u | wc -l)
  printf 'plugins/%s: %s lines of C++, architectures: %s\n' "$(basename "$folder")" "$lines" "$models"
done
[ $breaches = 0 ] && echo "No breach of the house rules"
exit $((breaches > 0))
