#!/usr/bin/env bash
# Converts a tiny checkpoint to Megatron and back and proves every byte: demo.sh PROGRAM GOLDEN_DIR
set -euo pipefail
program=${1:?usage: demo.sh PROGRAM GOLDEN_DIR}
source=${2:?usage: demo.sh PROGRAM GOLDEN_DIR}/llama3
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

title() { printf '\n\033[1m%s\033[0m\n' "$*"; }
# show ARGUMENTS: prints the command as a user would type it, then runs it.
show() {
  printf '$ weighbridge %s\n' "$*" | sed "s|$source/||g"
  "$program" "$@" 2>&1 | sed "s|$source/||g; s|$place/||g; s|^|    |"
}

cd "$place"
title "1. A Hugging Face checkpoint: a very small Llama 3.1 in three files"
(cd "$source" && ls -l hf | awk 'NR > 1 {printf "    %9d  %s\n", $5, $9}')

title "2. To Megatron: a torch_dist checkpoint as Megatron-Bridge writes it"
show import --hf-model "$source/hf" --megatron-path megatron --no-progress
find megatron -type f | sort | sed 's|^|    |'

title "3. The same weights as the real Megatron-Bridge's own import of this checkpoint?"
show compare "$source/megatron" megatron

title "4. And back: the Hugging Face checkpoint again, with the first one as reference for names and side files"
show export --megatron-path megatron --hf-model "$source/hf" --hf-path exported --no-progress

title "5. The proof, by programs that know nothing of models: every file, byte by byte"
count=0
for file in "$source"/hf/*; do
  name=$(basename "$file")
  cmp "$file" "exported/$name" || { echo "    $name DIFFERS" >&2; exit 1; }
  printf '    same  %s  %s\n' "$(sha256sum "exported/$name" | cut -c1-16)" "$name"
  count=$((count + 1))
done
[ "$count" = "$(find exported -type f | wc -l)" ] || { echo "exported holds other files" >&2; exit 1; }
printf '\n\033[1mAll %d files came back byte for byte.\033[0m\n' "$count"
