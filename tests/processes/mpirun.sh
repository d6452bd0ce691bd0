#!/usr/bin/env bash
# mpirun.sh MPIRUN PROGRAM GOLDEN_DIR: what one process makes, three make together, byte for byte; and fail together.
set -euo pipefail
mpirun=${1:?usage: mpirun.sh MPIRUN PROGRAM GOLDEN_DIR} program=$(realpath "$2") golden=$(realpath "$3")
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
launch=("$mpirun" --oversubscribe)
if [ "$(id -u)" = 0 ]; then launch+=(--allow-run-as-root); fi
die() { printf 'mpirun.sh: %s\n' "$*" >&2; exit 1; }
together() { local count=$1; shift; "${launch[@]}" -n "$count" "$program" "$@" --no-progress </dev/null; }
same() { diff -r "$1" "$2" || die "$1 and $2 differ"; }

for case in llama3 qwen3-moe; do
  hf=$golden/$case/hf
  "$program" import --hf-model "$hf" --megatron-path "$case-one" --no-progress >/dev/null
  report=$(together 3 import --hf-model "$hf" --megatron-path "$case-three" --json)
  [[ $report == *'"processes": 3'* ]] || die "the report does not say that there were three processes: $report"
  [ "$(grep -c '^{' <<<"$report")" = 1 ] || die "more than one process spoke: $report"
  same "$case-one" "$case-three"
  together 2 export --megatron-path "$case-three" --hf-path "$case-back" >/dev/null
  for file in "$hf"/*; do cmp "$file" "$case-back/${file##*/}"; done
  "$program" reshard --load "$case-one" --save "$case-ranks-one" --tp 2 --ckpt-format torch --no-progress >/dev/null
  together 3 reshard --load "$case-one" --save "$case-ranks-three" --tp 2 --ckpt-format torch >/dev/null
  same "$case-ranks-one" "$case-ranks-three"
done

# A mistake is told once.
if together 3 import --hf-model "$golden/llama3/hf" --megatron-path llama3-one 2>errors >/dev/null; then die "an existing output was replaced"; fi
[ "$(grep -c '^weighbridge:' errors)" = 1 ] || { cat errors >&2; die "the error was not told once"; }

# A process that dies takes the others with it, and nothing that looks complete is left.
export program golden
if "${launch[@]}" -n 3 sh -c 'if [ "$OMPI_COMM_WORLD_RANK" = 1 ]; then kill -9 $$; fi
    exec "$program" import --hf-model "$golden/llama3/hf" --megatron-path killed --no-progress' >/dev/null 2>&1 </dev/null; then
  die "the death of a process went unnoticed"
fi
[ ! -e killed ] || die "a run that lost a process left its output"

# What is for one process is done by one.
[ "$("${launch[@]}" -n 2 "$program" inspect llama3-one --json </dev/null | grep -c '^{')" = 1 ] || die "inspect did not answer once"
echo "several processes make what one makes"
