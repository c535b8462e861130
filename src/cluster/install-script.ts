/** The script that puts a bundle's images on a node: plain POSIX sh, no program but the engine's. */
import { platformName, type Platform } from "../model/platform.js";

/** Engines in the order in which a node is asked for them. */
const CRI_FIRST = "ctr nerdctl podman docker";
/** kubelet up to v1.23 could run containers by docker, which has a containerd of its own below it. */
const DOCKER_FIRST = "docker ctr nerdctl podman";

/** `install.sh` for a bundle. `minor` is the minor version of Kubernetes, when it is known. */
export function installScript(platform: Platform, minor: number | undefined): string {
  const engines = minor !== undefined && minor < 24 ? DOCKER_FIRST : CRI_FIRST;
  return SCRIPT.replace("@PLATFORM@", platformName(platform)).replace("@ENGINES@", engines);
}

const SCRIPT = String.raw`#!/bin/sh
# Puts the images of this directory on a node, which needs no network.
set -eu

platform='@PLATFORM@'
engines='@ENGINES@'

usage() {
  cat <<END
usage: sh install.sh [--dry-run] [--engine NAME] [--mirrors] [--programs DIR]

Checks SHA256SUMS, loads images.tar into the container engine of this node, and
pins every image where the engine can, so that kubelet does not remove it.

  --dry-run        check the sums and say what would be done
  --engine NAME    $engines; default: the first that answers
  --mirrors        also place config/containerd/certs.d in /etc/containerd/certs.d
  --programs DIR   also copy kubeadm, kubectl and kubelet to DIR

DESTDIR=DIR puts what --mirrors and --programs place below DIR.
END
}

fail() {
  printf 'install.sh: %s\n' "$1" >&2
  exit 1
}

# Says a command and runs it, unless only asked what would be done.
run() {
  printf '+ %s\n' "$*"
  [ -n "$dry_run" ] || "$@"
}

check_sums() {
  if command -v sha256sum >/dev/null 2>&1; then sums='sha256sum'
  elif command -v shasum >/dev/null 2>&1; then sums='shasum -a 256'
  else fail 'neither sha256sum nor shasum is here to check SHA256SUMS'; fi
  if ! answer=$($sums -c SHA256SUMS 2>&1); then
    printf '%s\n' "$answer" | grep -v ': OK$' >&2 || :
    fail 'the files are not those that SHA256SUMS names: copy the directory again'
  fi
  printf 'checked %s files\n' "$(grep -c . SHA256SUMS)"
}

answers() {
  command -v "$1" >/dev/null 2>&1 || return 1
  case $1 in
    ctr) ctr --namespace k8s.io version ;;
    nerdctl) nerdctl --namespace k8s.io info ;;
    podman) podman info ;;
    docker) docker version ;;
  esac >/dev/null 2>&1
}

choose_engine() {
  for candidate in $engines; do
    if answers "$candidate"; then
      printf '%s\n' "$candidate"
      return
    fi
  done
  fail "none of $engines answers on this node: start its engine, or name one with --engine"
}

load() {
  case $1 in
    ctr)
      # Older ones have no --platform and take the node's own.
      if ctr images import --help 2>/dev/null | grep -q -e '--platform'; then
        run ctr --namespace k8s.io images import --platform "$platform" images.tar
      else
        run ctr --namespace k8s.io images import images.tar
      fi
      ;;
    nerdctl) run nerdctl --namespace k8s.io load --platform "$platform" -i images.tar ;;
    podman) run podman load -i images.tar ;;
    docker) run docker load -i images.tar ;;
  esac
}

pin() {
  case $1 in
    ctr) run ctr --namespace k8s.io images label "$2" io.cri-containerd.pinned=pinned ;;
  esac
}

is_loaded() {
  case $1 in
    ctr) ctr --namespace k8s.io images ls -q | grep -qxF -e "$2" ;;
    nerdctl) nerdctl --namespace k8s.io image inspect "$2" ;;
    podman) podman image exists "$2" ;;
    docker) docker image inspect "$2" ;;
  esac >/dev/null 2>&1
}

# A file that is there already and says something else is the node's own.
check_mirrors() {
  [ -d config/containerd/certs.d ] || fail 'this bundle has no mirrors: it was made without --prefix'
  for file in config/containerd/certs.d/*/hosts.toml; do
    target=$certs/$(basename "$(dirname "$file")")/hosts.toml
    if [ -e "$target" ] && ! cmp -s "$file" "$target"; then
      fail "$target is there and says something else: remove it first"
    fi
  done
}

place_mirrors() {
  for file in config/containerd/certs.d/*/hosts.toml; do
    host=$(basename "$(dirname "$file")")
    run mkdir -p "$certs/$host"
    run cp "$file" "$certs/$host/hosts.toml"
  done
}

# A program that runs cannot be written to, but it can be replaced.
place_programs() {
  [ -d "files/release" ] || fail 'this bundle has no programs'
  run mkdir -p "$1"
  for file in files/release/*/bin/linux/*/*; do
    name=$(basename "$file")
    run cp "$file" "$1/.$name.new"
    run chmod 755 "$1/.$name.new"
    run mv "$1/.$name.new" "$1/$name"
  done
}

dry_run=
engine=
mirrors=
programs=
while [ $# -gt 0 ]; do
  case $1 in
    --dry-run) dry_run=yes ;;
    --mirrors) mirrors=yes ;;
    --engine | --programs)
      [ $# -gt 1 ] || fail "$1 wants a value; --help says which"
      case $1 in --engine) engine=$2 ;; *) programs=$2 ;; esac
      shift
      ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done
if [ -n "$engine" ]; then
  known=
  for candidate in $engines; do
    [ "$candidate" != "$engine" ] || known=yes
  done
  [ -n "$known" ] || fail "there is no engine \"$engine\": name one of $engines"
fi
# Both are meant from where the user is.
case $programs in '' | /*) ;; *) programs=$(pwd)/$programs ;; esac
destination=${"$"}{DESTDIR:-}
case $destination in '' | /*) ;; *) destination=$(pwd)/$destination ;; esac
certs=$destination/etc/containerd/certs.d

cd "$(dirname "$0")"
check_sums
[ -z "$mirrors" ] || check_mirrors
[ -n "$engine" ] || engine=$(choose_engine)
load "$engine"
while read -r name; do
  [ -n "$dry_run" ] || is_loaded "$engine" "$name" || fail "$engine does not have $name after loading images.tar"
  pin "$engine" "$name"
done <images.txt
[ "$engine" = ctr ] || printf '%s has no way to pin images: keep this directory, kubelet may remove unused ones\n' "$engine"
[ -z "$mirrors" ] || place_mirrors
[ -z "$programs" ] || place_programs "$destination$programs"
if [ -n "$dry_run" ]; then
  printf 'nothing was changed\n'
else
  printf 'loaded %s names of images into %s\n' "$(grep -c . images.txt)" "$engine"
fi
`;
