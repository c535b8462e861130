#!/bin/sh
# Writes an archive of a small image, as `docker save` does: image.sh FILE ARCHITECTURE
set -eu
work=$(mktemp -d)
cd "$work"
echo 'hello' > hello
tar -cf layer.tar hello
digest=$(sha256sum layer.tar | cut -d ' ' -f 1)
printf '{"architecture":"%s","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
  "$2" "$digest" > config.json
printf '[{"Config":"config.json","RepoTags":["kmips.example/hello:1"],"Layers":["layer.tar"]}]' \
  > manifest.json
tar -cf "$1" config.json manifest.json layer.tar
