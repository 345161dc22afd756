# The Rust toolchain that rust-toolchain.toml names. Sourced by machine.sh, never run.
# shellcheck shell=bash
# shellcheck disable=SC2154 # `bootstrap` comes from machine.sh.

need_rust() {
  need_commands gcc:gcc ld:binutils curl:curl
  # gcc links only with the C library's files, which come with its headers.
  [[ -e /usr/include/stdlib.h ]] || need_packages libc6-dev
  [[ -d $HOME/.cargo/bin && :$PATH: != *:"$HOME/.cargo/bin":* ]] && PATH=$PATH:$HOME/.cargo/bin
  if ! command -v cargo >/dev/null; then
    say "Rust: installing rustup into ~/.cargo and ~/.rustup, leaving your shell's profile as it is (about 5 s)"
    install_rustup ||
      fail "rustup cannot be installed" "it comes from $rustup_root; or install Rust $(toolchain) another way"
    PATH=$PATH:$HOME/.cargo/bin
  fi
  # Installed explicitly, so that it is reported first and also works where rustup's automatic installation is off.
  if command -v rustup >/dev/null && ! (cd "$bootstrap/.." && RUSTUP_AUTO_INSTALL=0 rustc --version) >/dev/null 2>&1; then
    say "Rust: installing the toolchain $(toolchain) (about 10 s)"
    (cd "$bootstrap/.." && rustup toolchain install) >&2 || true
  fi
  local found
  found=$(cd "$bootstrap/.." && rustc --version) || fail "Rust $(toolchain) cannot be installed" "read the output above"
  local version=${found#rustc }
  version=${version%% *}
  printf '%s\n' "$(toolchain)" "$version" | sort --version-sort --check=quiet ||
    fail "Rust $version is too old: devplat needs $(toolchain)" "install rustup, which downloads it: https://rustup.rs"
}

# The same host as the toolchain's, so that no other has to be reachable.
rustup_root=${RUSTUP_UPDATE_ROOT:-https://static.rust-lang.org/rustup}

install_rustup() {
  local folder place status=0
  place=$rustup_root/dist/$(uname -m)-unknown-linux-gnu/rustup-init
  folder=$(mktemp -d)
  {
    curl --proto '=https' --tlsv1.2 --fail --silent --show-error --location \
      --output "$folder/rustup-init" "$place" --output "$folder/rustup-init.sha256" "$place.sha256" &&
      { [[ $(sha256sum <"$folder/rustup-init" | cut -d ' ' -f 1) == $(cut -d ' ' -f 1 "$folder/rustup-init.sha256") ]] ||
        { say "  $place does not match its .sha256"; false; }; } &&
      chmod +x "$folder/rustup-init" &&
      "$folder/rustup-init" -y --quiet --no-modify-path --profile minimal --default-toolchain none >&2
  } || status=$?
  rm -rf "$folder"
  return "$status"
}

toolchain() { sed -n 's/^channel *= *"\(.*\)"/\1/p' "$bootstrap/../rust-toolchain.toml"; }
