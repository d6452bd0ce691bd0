#!/usr/bin/env bash
# Runs the sh blocks of a page as a reader would: page_commands.sh PAGE PROGRAM GOLDEN
# All blocks are run in order in one folder that holds what the page names in lines of their own:
#   <!-- case: CASE as NAME -->            tests/golden/CASE/hf lies there as NAME
#   <!-- case: CASE/megatron as NAME -->   another folder of the case
set -euo pipefail
page=$(realpath "${1:?usage: page_commands.sh PAGE PROGRAM GOLDEN}") program=$(realpath "$2") golden=$(realpath "$3")
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

mkdir -p "$place/bin" "$place/here"
ln -s "$program" "$place/bin/weighbridge"
cases=0
while read -r case name; do
  [[ $case == */* ]] || case+=/hf
  [ -d "$golden/$case" ] || { echo "$page names a golden case that does not exist: $case" >&2; exit 1; }
  cp -r "$golden/$case" "$place/here/$name"
  cases=$((cases + 1))
done < <(sed -nE 's/^<!-- case: (\S+) as (\S+) -->$/\1 \2/p' "$page")
[ "$cases" -gt 0 ] || { echo "$page names no golden case" >&2; exit 1; }
cd "$place/here"
export PATH=$place/bin:$PATH HF_HOME=$place/cache

count=0
while IFS= read -r -d $'\001' block; do
  count=$((count + 1))
  printf '%s\n' "--- block $count of $page" "$block"
  bash -euo pipefail -c "$block" || { echo "block $count of $page fails" >&2; exit 1; }
done < <(awk '/^```sh$/ {inside = 1; next} inside && /^```$/ {inside = 0; printf "\001"; next} inside {print}' "$page")
[ "$count" -ge 3 ] || { echo "$page has $count sh blocks, at least 3 are expected" >&2; exit 1; }
