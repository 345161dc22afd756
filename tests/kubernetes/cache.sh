# Entries of the user's cache, each named by the hash of its inputs. Sourced, never run.
# An entry is complete or absent: it is made in a folder beside its place and moved there, under a lock.
# shellcheck shell=bash

# shellcheck disable=SC2034 # For the scripts that source this.
devplat_cache=${XDG_CACHE_HOME:-$HOME/.cache}/devplat

# Progress goes to stderr, since stdout is for results.
say() { printf '%s\n' "$*" >&2; }

fail() {
  say "error: $1"
  shift
  local hint
  for hint in "$@"; do say "hint: $hint"; done
  exit 3
}

# The first 16 hex digits of the SHA-256 of stdin, enough to distinguish versions of a recipe.
content_key() { sha256sum | cut -c1-16; }

# cached PLACE MAKER [ARG...]: unless PLACE exists, runs MAKER with PLACE.partial, an empty folder, and its arguments, and
# moves the folder to PLACE. A concurrent second run waits and then uses the result.
cached() {
  local place=$1
  shift
  [[ -d $place ]] && return
  local locks
  locks=$(dirname "$place")/locks
  mkdir -p "$locks"
  # MAKER's children inherit the lock, so that a build whose script was killed has ended before its folder is cleared.
  (
    flock --nonblock 9 || { say "waiting for another run that is making $(basename "$place")"; flock 9; }
    [[ -d $place ]] && exit 0
    rm -rf "$place.partial"
    mkdir -p "$place.partial"
    "$1" "$place.partial" "${@:2}"
    mv -T "$place.partial" "$place"
  ) 9>"$locks/$(basename "$place")"
}
