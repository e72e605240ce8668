#!/usr/bin/env bash
# Installs what the tests need and runs everything.
#
#   tests/run.sh            all checks and tests (what CI runs)
#   tests/run.sh --quick    formatting, lints and tests, without documentation and long simulations
#   tests/run.sh --soak     everything, with the long crash and simulation runs, and the benchmarks
#
# Servers that the tests need are started by the tests, on free ports and in temporary folders, and
# stopped again.
set -euo pipefail
cd "$(dirname "$0")/.."

mode=full
case "${1:-}" in
  "") ;;
  --quick) mode=quick ;;
  --soak) mode=soak ;;
  *) echo "usage: tests/run.sh [--quick|--soak]" >&2; exit 2 ;;
esac

step() { printf '\n=== %s\n' "$*"; }

# Compressors that write request bodies in a hand other than the server's own.
need=()
for program in gzip zstd brotli python3; do
  command -v "$program" >/dev/null || need+=("$program")
done
if [ ${#need[@]} -gt 0 ]; then
  step "installing ${need[*]}"
  sudo=""
  [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get update -qq
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${need[@]}"
fi

case "$mode" in
  quick) export SIMULATED_LISTS=500 PROPTEST_CASES=64 ;;
  full) export SIMULATED_LISTS=10000 ;;
  soak) export SIMULATED_LISTS=200000 PROPTEST_CASES=5000 KILLS=300 ;;
esac

step "formatting"
cargo fmt --all --check

step "lints"
cargo clippy --workspace --all-targets --locked -- -D warnings

step "tests"
cargo test --workspace --locked

if [ "$mode" != quick ]; then
  step "documentation"
  RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --locked
  if command -v cargo-deny >/dev/null; then
    step "dependencies"
    cargo deny --offline check licenses bans sources
  else
    echo "cargo-deny is not installed: licences, bans and sources of dependencies are not checked"
  fi
fi

if [ "$mode" = soak ]; then
  step "benchmarks"
  cargo bench --bench load --locked
fi

step "everything passed"
