# The Go toolchain that builds Kubernetes. Sourced after cache.sh, never run.
# shellcheck shell=bash source-path=SCRIPTDIR
# shellcheck disable=SC2154 # `devplat_cache` comes from cache.sh.

# The oldest version that builds all of modules/.
go_version=1.26.8
# The zip on the module proxy; sum.golang.org vouches for its content.
go_sha256_amd64=30c2b1bf7dcc88d3eb0a1364e47ddd9128edb3110a30e8a0ef61cd5856b31de7

# Sets `go_command` to a Go of at least `go_version`: the machine's own or one in the cache.
find_go() {
  if go_command=$(command -v go) && go_is_new_enough "$go_command"; then return; fi
  local place=$devplat_cache/kubernetes/go-$go_version
  cached "$place" download_go
  go_command=$place/bin/go
}

go_is_new_enough() {
  local has
  has=$(GOTOOLCHAIN=local "$1" env GOVERSION) || return 1
  printf '%s\n' "$go_version" "${has#go}" | sort --version-sort --check=quiet
}

download_go() {
  [[ $(uname -m) == x86_64 ]] || fail "no Go $go_version here, and the pinned one is for x86_64 only" "install Go $go_version or newer"
  local tool
  for tool in curl unzip; do
    command -v "$tool" >/dev/null || fail "$tool is missing, which fetches Go $go_version" "apt-get install $tool"
  done
  local version=v0.0.1-go$go_version.linux-amd64
  local zip=$1/toolchain.zip
  say "Go $go_version: downloading from the Go module proxy (64 MB, about 10 s)"
  fetch_from_proxies "golang.org/toolchain/@v/$version.zip" "$zip" ||
    fail "Go $go_version cannot be downloaded from ${GOPROXY:-https://proxy.golang.org}" "set GOPROXY to a module proxy this machine reaches"
  echo "$go_sha256_amd64  $zip" | sha256sum --check --quiet >&2 ||
    fail "Go $go_version from the module proxy is not the one pinned in tests/kubernetes/go.sh"
  unzip -q "$zip" -d "$1"
  mv "$1/golang.org/toolchain@$version"/* "$1"
  rm -r "$zip" "$1/golang.org"
  chmod -R u+x "$1/bin" "$1/pkg/tool"
}

# Tries each URL in GOPROXY, a list separated by commas or bars.
fetch_from_proxies() {
  local proxy
  for proxy in $(tr ',|' '  ' <<<"${GOPROXY:-https://proxy.golang.org}"); do
    case $proxy in
      direct | off) ;;
      *) curl --fail --silent --show-error --location --connect-timeout 10 --output "$2" "${proxy%/}/$1" && return ;;
    esac
  done
  return 1
}
