#!/usr/bin/env bash
# Converts a tiny checkpoint to Megatron and back and proves every byte: demo.sh PROGRAM GOLDEN_DIR
set -euo pipefail
program=$(realpath "${1:?usage: demo.sh PROGRAM GOLDEN_DIR}")
source=$(realpath "${2:?usage: demo.sh PROGRAM GOLDEN_DIR}/llama3")
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

title() { if [ -t 1 ]; then printf '\n\033[1m%s\033[0m\n' "$*"; else printf '\n%s\n' "$*"; fi; }
# show ARGUMENTS: prints the command as a user would type it, then runs it.
show() {
  printf '$ weighbridge %s\n' "$*"
  "$program" "$@" 2>&1 | sed 's|^|    |'
}

cd "$place"
cp -r "$source/hf" tiny-llama
cp -r "$source/megatron" made-by-megatron-bridge
title "1. A Hugging Face checkpoint: a very small Llama 3.1 in three files"
ls -l tiny-llama | awk 'NR > 1 {printf "    %9d  %s\n", $5, $9}'

title "2. To Megatron: a torch_dist checkpoint as Megatron-Bridge writes it"
show import --hf-model tiny-llama --megatron-path megatron --no-progress
find megatron -type f | sort | sed 's|^|    |'

title "3. Are these the weights that the real Megatron-Bridge made of the same checkpoint?"
show compare made-by-megatron-bridge megatron

title "4. And back: the Hugging Face checkpoint again, with the first one as reference for names and side files"
show export --megatron-path megatron --hf-model tiny-llama --hf-path exported --no-progress

title "5. The proof, by programs that know nothing of models: every file, byte by byte"
count=0
for file in "$source"/hf/*; do
  name=$(basename "$file")
  cmp "$file" "exported/$name" || { echo "    $name DIFFERS" >&2; exit 1; }
  printf '    same  %s  %s\n' "$(sha256sum "exported/$name" | cut -c1-16)" "$name"
  count=$((count + 1))
done
[ "$count" = "$(find exported -type f | wc -l)" ] || { echo "exported holds other files" >&2; exit 1; }
title "All $count files came back byte for byte."
