#!/usr/bin/env bash
# What deploy/ holds is what the binary's tables say.
set -u
cd "$(dirname "$0")/../.." || exit 2
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
bash deploy/generate "$1" "$folder" || exit 1
bad=0
for file in tasted.1 tasted.conf.5 tasted.conf completion/tasted.bash completion/_tasted completion/tasted.fish; do
  if ! diff -u "deploy/$file" "$folder/$file"; then
    echo "deploy/$file is not what the tables say: run 'ninja -C build generated' and commit it"
    bad=1
  fi
done
exit $bad
