# shellcheck shell=bash
# What a machine needs before Farwatch can be built and run, and how it is built. Sourced by
# packaging/quickstart and tests/run, so that one build serves both.
#
# Belongs here: packages, compilers, the web page, cargo's target folder. Does not: running anything.

farwatch_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
farwatch_cache=${XDG_CACHE_HOME:-$HOME/.cache}/farwatch

# Outside the clone, so that a fresh clone finds built dependencies.
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$farwatch_cache/target}

# shellcheck disable=SC2034 # the lists are for whoever sources this
{
    build_packages=(build-essential pkg-config mold libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev)
    run_packages=(gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-libav ffmpeg fonts-dejavu-core procps)
    browser_packages=(chromium fonts-noto-cjk)
    fault_packages=(iproute2 nftables e2fsprogs strace util-linux)
}

note() { printf '== %s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

# need_packages NAME...: installs those that are missing, as root or through sudo.
need_packages() {
    local missing=() package as_root=()
    command -v dpkg-query >/dev/null || fail "this is not Debian or Ubuntu; install by hand: $*"
    for package in "$@"; do
        [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    if ((EUID != 0)); then
        command -v sudo >/dev/null || fail "missing packages; as root: apt-get install ${missing[*]}"
        as_root=(sudo)
    fi
    note "installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    "${as_root[@]}" apt-get -qq -o DPkg::Lock::Timeout=300 update
    "${as_root[@]}" apt-get -qq -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends "${missing[@]}" >/dev/null
}

# Compilers come from their own projects: Debian's are too old.
need_compilers() {
    local rust node wanted
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$farwatch_root/Cargo.toml")
    command -v cargo >/dev/null || fail "cargo is missing; install Rust $wanted or newer with rustup (https://rustup.rs)"
    rust=$(cargo --version | cut -d' ' -f2)
    [[ $(printf '%s\n' "$wanted" "$rust" | sort -V | head -n 1) == "$wanted" ]] ||
        fail "Rust $rust is older than $wanted; run: rustup update stable"
    command -v npm >/dev/null || fail "node and npm are missing; install Node.js 20 or newer (https://nodejs.org)"
    node=$(node --version)
    [[ $(printf '%s\n' v20 "$node" | sort -V | head -n 1) == v20 ]] ||
        fail "Node.js $node is older than 20 (https://nodejs.org)"
}

# need_modules FOLDER: what package-lock.json says, unless it is there already.
need_modules() {
    local stamp=$1/node_modules/.package-lock.sum sum
    sum=$(sha256sum <"$1/package-lock.json")
    [[ $(cat "$stamp" 2>/dev/null) == "$sum" ]] && return 0
    (cd "$1" && npm ci --no-audit --no-fund --loglevel=error)
    printf '%s\n' "$sum" >"$stamp"
}

# The page is embedded in the hub. It is built only when its sources changed, or every build of it would rebuild the hub.
build_page() {
    local web=$farwatch_root/hub/web stamp sum
    stamp=$web/node_modules/.page.sum
    need_modules "$web"
    sum=$(cd "$web" && find . \( -name node_modules -o -name dist \) -prune -o -type f -print0 |
        sort -z | xargs -0 sha256sum | sha256sum)
    [[ -e $web/dist/index.html && $(cat "$stamp" 2>/dev/null) == "$sum" ]] && return 0
    (cd "$web" && npm run --silent build)
    printf '%s\n' "$sum" >"$stamp"
}

# Cargo tells our own crates of two clones apart by age only. When another clone used the target
# folder last, they are built anew; dependencies stay.
claim_target() {
    local owner=$CARGO_TARGET_DIR/.clone
    mkdir -p "$CARGO_TARGET_DIR"
    if [[ -e $owner && $(cat "$owner") != "$farwatch_root" ]]; then
        (cd "$farwatch_root" && cargo clean --quiet -p farwatch-shared -p farwatch-agent -p farwatch-hub -p farwatch-tests)
    fi
    printf '%s\n' "$farwatch_root" >"$owner"
}

# build_programs [CARGO ARGS]: the whole workspace at once, so that every call agrees on features.
build_programs() {
    claim_target
    (cd "$farwatch_root" && cargo build --locked --workspace "${@:---bins}")
}
