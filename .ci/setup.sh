#!/bin/sh
# Makes .venv with the pinned packages and sees that OpenGL renders without a screen.
# Every make target calls it. When all is in place it only compares a stamp; interrupted, it goes on.
# PYTHON=python3.12 chooses the interpreter when .venv is made.
set -eu
cd "$(dirname "$0")/.."
root=$(pwd -P)
cd "$root"
venv=.venv/bin/python
log=.venv/install.log
stamp=.venv/ready

say() { echo "setup: $*" >&2; }

die() {
    say "$*"
    exit 1
}

# Runs a step with its output in the log; if it fails, shows the log's last lines.
quietly() {
    mkdir -p .venv
    "$@" >>"$log" 2>&1 </dev/null && return
    tail -n 15 "$log" >&2
    die "failed: $*; the whole output is in $log, the next call goes on from here"
}

# Prints the version of an interpreter, "3.11"; nothing if it does not run.
version() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null </dev/null || :; }

new_enough() {
    case $(version "$1") in
    3.[0-9] | 3.10 | "") false ;;
    3.*) true ;;
    *) false ;;
    esac
}

has_venv() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1 </dev/null; }

# Prints the interpreter to use: the first new enough that can make environments, else any new enough.
find_python() {
    candidates=${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}
    for test in has_venv true; do
        for python in $candidates; do
            if new_enough "$python" && "$test" "$python"; then
                echo "$python"
                return
            fi
        done
    done
    die "no Python 3.11 or newer among: $candidates; install one, or name it: make PYTHON=/path/to/python3.11 ..."
}

# Prints how to become root: nothing needed, or sudo without a password; fails if neither.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        return
    fi
    sudo -n true >/dev/null 2>&1 && echo "sudo -n"
}

# Installs Debian packages; where it may not, says which line does.
apt_install() {
    if command -v apt-get >/dev/null 2>&1 && sudo=$(as_root); then
        say "installing Debian packages: $*"
        quietly $sudo apt-get update
        quietly $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
    elif command -v apt-get >/dev/null 2>&1; then
        die "missing system packages, run: sudo apt-get update && sudo apt-get install -y $*"
    else
        die "missing system packages; their Debian names: $*"
    fi
}

# What the stamp holds. A virtual environment does not survive being moved, hence the folder.
installed_key() { cat pyproject.toml constraints.txt .venv/pyvenv.cfg 2>/dev/null | cksum; }
opengl_key() { echo "${MUJOCO_GL:-} $(cat /proc/sys/kernel/random/boot_id 2>/dev/null || :)"; }
stamped() { [ "$(sed -n "$1p" "$stamp" 2>/dev/null)" = "$2" ]; }

usable() {
    new_enough "$venv" && "$venv" -m pip --version >/dev/null 2>&1 &&
        grep -qF "$root/.venv" .venv/bin/activate
}

make_venv() {
    python=$(find_python)
    if ! has_venv "$python"; then
        # Debian keeps these two modules in a package of their own.
        apt_install "python$(version "$python")-venv"
    fi
    say "creating .venv with $python ($(version "$python"))"
    rm -rf .venv
    quietly "$python" -m venv .venv
}

install_packages() {
    say "installing pinned packages (a few minutes, once)"
    # torch first: left to the resolver, it may pull another build with gigabytes of CUDA.
    torch=$(sed -n '/^torch==/p' constraints.txt)
    quietly "$venv" -m pip install -c constraints.txt "$torch"
    quietly "$venv" -m pip install -c constraints.txt -e '.[dev]'
}

renders() { "$venv" -m dsae.commands.opengl >>"$log" 2>&1 </dev/null; }

check_opengl() {
    say "checking that OpenGL renders without a screen"
    if ! renders; then
        apt_install $("$venv" -m dsae.commands.opengl --packages)
        renders || apt_install libosmesa6
        quietly "$venv" -m dsae.commands.opengl
    fi
}

if ! stamped 1 "$(installed_key)" || ! [ -x "$venv" ]; then
    usable || make_venv
    install_packages
    installed_key >"$stamp"
fi
if ! stamped 2 "$(opengl_key)"; then
    check_opengl
    { installed_key && opengl_key; } >"$stamp"
fi
