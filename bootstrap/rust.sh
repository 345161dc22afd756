# The Rust toolchain that rust-toolchain.toml names. Sourced by machine.sh, never run.
# shellcheck shell=bash
# shellcheck disable=SC2154 # `bootstrap` comes from machine.sh.

need_rust() {
  need_commands gcc:gcc ld:binutils curl:curl
  # A compiler without the C library's headers cannot link.
  [[ -e /usr/include/stdlib.h ]] || need_packages libc6-dev
  [[ -d $HOME/.cargo/bin && :$PATH: != *:"$HOME/.cargo/bin":* ]] && PATH=$PATH:$HOME/.cargo/bin
  if ! command -v cargo >/dev/null; then
    say "Rust: installing rustup into ~/.cargo and ~/.rustup, leaving your shell's profile as it is (usually 30 s)"
    curl --proto '=https' --tlsv1.2 --fail --silent --show-error https://sh.rustup.rs |
      sh -s -- -y --quiet --no-modify-path --profile minimal --default-toolchain none >&2 ||
      fail "rustup cannot be installed" "it needs https://sh.rustup.rs; or install Rust $(toolchain) another way"
    PATH=$PATH:$HOME/.cargo/bin
  fi
  # With rustup this fetches what is missing of the toolchain; without it, it shows which one there is.
  local found
  found=$(cd "$bootstrap/.." && rustc --version) || fail "Rust $(toolchain) cannot be installed" "the output above says why"
  local version=${found#rustc }
  version=${version%% *}
  printf '%s\n' "$(toolchain)" "$version" | sort --version-sort --check=quiet ||
    fail "Rust $version is too old: devplat needs $(toolchain)" "rustup brings it by itself: https://rustup.rs"
}

toolchain() { sed -n 's/^channel *= *"\(.*\)"/\1/p' "$bootstrap/../rust-toolchain.toml"; }
