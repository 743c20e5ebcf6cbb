#!/usr/bin/env bash
# Install what is missing on a Debian 12 machine: packages, then .venv from the lock. Does nothing when nothing is missing.
#
#   deploy/set_up.sh run     what `make run` needs
#   deploy/set_up.sh test    that, and what tests and checks need
#
# Needs root, or a user who may use sudo, only while packages are missing.
set -euo pipefail
cd "$(dirname "$0")/.."

purpose=${1:?run or test}
packages_file=deploy/debian-packages.txt
venv=.venv
locks=(requirements.txt)
[ "$purpose" = test ] && locks+=(requirements-dev.txt)

say() { printf '==> %s\n' "$*" >&2; }

# Print the packages of one section of the list.
packages_of() {
  awk -v wanted="[$1]" '/^\[/ { inside = ($1 == wanted); next } inside && NF && $1 !~ /^#/ { print $1 }' "$packages_file"
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    env "$@"
  elif command -v sudo >/dev/null; then
    sudo env "$@"
  else
    say "these need root, and there is no sudo: $*"
    return 1
  fi
}

install_packages() {
  local wanted missing=() name
  wanted=$(packages_of run)
  [ "$purpose" = test ] && wanted+=" $(packages_of test)"
  for name in $wanted; do
    if [ "$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null)" != installed ]; then missing+=("$name"); fi
  done
  [ ${#missing[@]} = 0 ] && return
  say "Debian packages: installing ${missing[*]}"
  if ! install_now "${missing[@]}"; then
    say "Debian packages: refreshing apt's lists first"
    as_root apt-get update -q
    install_now "${missing[@]}"
  fi
}

# Install packages and nothing that they merely recommend. Waits for another apt to finish.
install_now() {
  as_root DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=120 "$@"
}

build_venv() {
  local wanted stamp=$venv/installed-locks started
  wanted=$(cat "${locks[@]}" | sha256sum)
  # What tests need includes what running needs: either stamp of the present locks serves `run`.
  if [ -x "$venv/bin/python" ] && grep -qsxF "$wanted" "$stamp"; then return; fi
  started=$SECONDS
  if [ ! -x "$venv/bin/pip" ]; then
    say "Python environment: making $venv"
    /usr/bin/python3 -m venv "$venv"
  fi
  say "Python environment: installing ${locks[*]} (about a minute)"
  local arguments=() lock
  for lock in "${locks[@]}"; do arguments+=(-r "$lock"); done
  "$venv/bin/python" -m pip install --disable-pip-version-check --no-input -q --require-hashes "${arguments[@]}"
  { cat requirements.txt | sha256sum; [ "$purpose" = run ] || echo "$wanted"; } >"$stamp"
  say "Python environment: ready after $((SECONDS - started)) s"
}

# Two copies started from one clone must not install at the same time.
mkdir -p var
exec 9>var/set-up.lock
flock 9
install_packages
build_venv
