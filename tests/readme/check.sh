#!/usr/bin/env bash
# Runs the commands of README.md as a reader would: check.sh REPOSITORY PROGRAM
# Every ```sh block marked <!-- checked --> is one script, run in order in one empty folder that has tests/golden's checkpoints at the
# names which the README uses.
set -euo pipefail
repository=$(realpath "${1:?usage: check.sh REPOSITORY PROGRAM}")
program=$(realpath "${2:?usage: check.sh REPOSITORY PROGRAM}")
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

blocks() {
  awk '/^<!-- checked -->$/ {wait = 1; next}
       wait && /^```sh$/ {wait = 0; inside = 1; next}
       inside && /^```$/ {inside = 0; print "\001"; next}
       inside {print}' "$repository/README.md"
}

mkdir -p "$place/bin"
ln -s "$program" "$place/bin/weighbridge"
cp -r "$repository/tests/golden/llama3/hf" "$place/Llama-3.1-8B"
cp -r "$repository/tests/golden/qwen3-tied/megatron" "$place/qwen3-megatron"
cd "$place"
export PATH=$place/bin:$PATH

count=0
while IFS= read -r -d $'\001' block; do
  block=$(sed '/./,$!d' <<<"$block")
  [ -n "$block" ] || continue
  count=$((count + 1))
  printf '%s\n' "--- README block $count" "$block"
  bash -euo pipefail -c "$block" || { echo "README block $count fails" >&2; exit 1; }
done < <(blocks)
[ "$count" -ge 3 ] || { echo "README.md has $count checked blocks, at least 3 are expected" >&2; exit 1; }
for file in Llama-3.1-8B/*; do cmp "$file" "exported/$(basename "$file")"; done
